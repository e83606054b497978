#pragma once
#include "../../../../lib/c/system.h"

enum { KEY_BYTES = 32 };

/* ChaCha20 of RFC 8439, from the block with number 0. Each key is for one text, so the nonce is zero. */
struct chacha20 {
  uint32_t key[KEY_BYTES / 4];
  uint32_t counter;
  unsigned char stream[64];
  size_t used;
};

void chacha20_begin(struct chacha20 *cipher, const unsigned char *key);
/* Decrypts what follows the bytes of the last call. */
void chacha20_next(struct chacha20 *cipher, unsigned char *bytes, size_t length);
