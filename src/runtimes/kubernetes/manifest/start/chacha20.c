#include "chacha20.h"

enum { WORDS = 16, DOUBLE_ROUNDS = 10 };

static uint32_t rotate(uint32_t word, int bits) { return word << bits | word >> (32 - bits); }

static void quarter_round(uint32_t *s, int a, int b, int c, int d) {
  s[a] += s[b], s[d] = rotate(s[d] ^ s[a], 16);
  s[c] += s[d], s[b] = rotate(s[b] ^ s[c], 12);
  s[a] += s[b], s[d] = rotate(s[d] ^ s[a], 8);
  s[c] += s[d], s[b] = rotate(s[b] ^ s[c], 7);
}

static void next_block(struct chacha20 *cipher) {
  uint32_t start[WORDS] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}, state[WORDS];
  memcpy(start + 4, cipher->key, sizeof cipher->key);
  start[12] = cipher->counter++;
  memcpy(state, start, sizeof state);
  for (int i = 0; i < DOUBLE_ROUNDS; i += 1) {
    for (int column = 0; column < 4; column += 1) quarter_round(state, column, column + 4, column + 8, column + 12);
    for (int n = 0; n < 4; n += 1) quarter_round(state, n, 4 + (n + 1) % 4, 8 + (n + 2) % 4, 12 + (n + 3) % 4);
  }
  for (size_t i = 0; i < WORDS; i += 1) {
    uint32_t word = state[i] + start[i];
    for (size_t byte = 0; byte < 4; byte += 1) cipher->stream[4 * i + byte] = (unsigned char)(word >> 8 * byte);
  }
  cipher->used = 0;
}

void chacha20_begin(struct chacha20 *cipher, const unsigned char *key) {
  for (size_t i = 0; i < KEY_BYTES / 4; i += 1)
    cipher->key[i] = (uint32_t)key[4 * i] | (uint32_t)key[4 * i + 1] << 8 | (uint32_t)key[4 * i + 2] << 16 |
                     (uint32_t)key[4 * i + 3] << 24;
  cipher->counter = 0;
  cipher->used = sizeof cipher->stream;
}

void chacha20_next(struct chacha20 *cipher, unsigned char *bytes, size_t length) {
  for (size_t i = 0; i < length; i += 1) {
    if (cipher->used == sizeof cipher->stream) next_block(cipher);
    bytes[i] ^= cipher->stream[cipher->used++];
  }
}
