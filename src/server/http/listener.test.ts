import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { listen } from './listener.ts';

test('malformed HTTP gets the API’s error, and the server keeps running', async () => {
  await using listener = await listen({ host: '127.0.0.1', port: 0 }, { tls: undefined, closeGraceMs: 100 });
  listener.serve(async (_request, response) => void response.end('fine'));
  for (const junk of ['FOO / HTTP/1.1\r\n\r\n', 'junk\r\n\r\n']) {
    const socket = connect(Number(new URL(listener.url).port), '127.0.0.1');
    socket.write(junk);
    const answer = await text(socket);
    assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/);
    assert.equal(JSON.parse(answer.split('\r\n\r\n')[1] ?? '').ResponseCode, 400);
  }
  assert.equal(await (await fetch(listener.url)).text(), 'fine');
});
