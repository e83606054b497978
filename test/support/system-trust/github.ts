/** A GitHub Enterprise Server behind TLS, which knows one token. Arguments: port, token. */
import { createServer } from 'node:https';
import { tlsPair } from '../tls-pair.ts';

const [port, token] = process.argv.slice(2);
createServer(tlsPair, ({ url, headers }, response) => {
  const status = url !== '/api/v3/user' ? 404 : headers.authorization === `Bearer ${token}` ? 200 : 401;
  response.writeHead(status, { 'content-type': 'application/json', 'x-oauth-scopes': 'repo, read:org' });
  response.end(JSON.stringify(status === 200 ? { login: 'ann' } : { message: 'Not Found' }));
}).listen(Number(port), '127.0.0.1');
