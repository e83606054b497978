/** Ways through the gateway: requests of any form, of which nothing may reach another server than the policy allows. */
import type { EgressPolicy } from '../../../../src/gateway/policy.ts';
import { clientHello, helloMessage, record, serverNameExtension } from '../../client-hello.ts';
import { lookalike, ofMachine, outside, ports } from '../machine.ts';
import { testPolicy } from '../walled-job.ts';
import { type Way, w } from './way.ts';

type Part = string | Buffer;
/** A part that is sent without a response to the one before. */
type Fragment = { fragment: Buffer };

/** Sends parts to the forwarder, or to a socket. Succeeds if a server responds. */
const ask = (parts: readonly (Part | Fragment)[], { to = 'proxy', expect = 'reached' } = {}) =>
  `${w} ask ${to} ${parts.map(digits).join(' ')} | grep -a "${expect}"`;
const digits = (part: Part | Fragment): string =>
  typeof part === 'object' && 'fragment' in part
    ? `+${digits(part.fragment)}`
    : Buffer.from(part as string).toString('hex');

const get = (url: string, host = 'allowed.test', more = 'Connection: close\r\n') =>
  `GET ${url} HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`;
const connect = (to: string) => `CONNECT ${to} HTTP/1.1\r\nHost: ${to}\r\n\r\n`;
const upgrade = (protocol: string) => `Connection: Upgrade\r\nUpgrade: ${protocol}\r\n`;
const socks = (host: string, port: number) => {
  const name = Buffer.from(host);
  return [
    Buffer.from([5, 1, 0]),
    Buffer.concat([Buffer.from([5, 1, 0, 3, name.length]), name, Buffer.from([port >> 8, port & 255])]),
  ];
};
const socksAddress = (address: string, port: number) => [
  Buffer.from([5, 1, 0]),
  Buffer.from([5, 1, 0, 1, ...address.split('.').map(Number), port >> 8, port & 255]),
];
/** The first bytes of a tunnel to this port. */
const within = (host: string, port: number) => (port === 443 ? clientHello(host) : get('/', host));

/** Closed by the policy: with another one, the same bytes reach a server. */
const byPolicy = (name: string, ...parts: Part[]): Way => ({ name, tries: ask(parts), isOpenByPolicy: true });
const toTarget = (name: string, host: string, port: number): Way =>
  byPolicy(name, connect(`${host}:${port}`), within(host, port));
const toAddress = (name: string, text: string, port = 443): Way =>
  byPolicy(name, connect(`${text}:${port}`), port === 443 ? clientHello() : get('/', `${text}:${port}`));
/** Closed because of a part, with any policy. In place of it, its twin reaches a server. */
const byPart = (
  name: string,
  before: readonly Part[],
  bad: readonly (Part | Fragment)[],
  good: readonly Part[],
): Way => ({
  name,
  tries: ask([...before, ...bad]),
  twin: ask([...before, ...good]),
});
const inTls = (name: string, ...parts: (Part | Fragment)[]) =>
  byPart(name, [connect('allowed.test:443')], parts, [clientHello('allowed.test')]);
const inHttp = (name: string, ...parts: Part[]) =>
  byPart(name, [connect('allowed.test:80')], parts, [get('/', 'allowed.test')]);

const decimalOf = (address: string) => address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
const octalOf = (address: string) =>
  address
    .split('.')
    .map((part) => `0${Number(part).toString(8)}`)
    .join('.');
const hello = clientHello('forbidden.test');
const { forbidden } = outside;

const targets: readonly Way[] = [
  toTarget('CONNECT to another host', 'forbidden.test', 443),
  byPolicy('a plain request to another host', get('http://forbidden.test/')),
  byPolicy('a plain request to another host, with its Host', get('http://forbidden.test/', 'forbidden.test')),
  byPolicy('SOCKS to another host', ...socks('forbidden.test', 443), hello),
  toTarget('another port of an allowed host', 'allowed.test', 22),
  byPolicy('a plain request to another port', get('http://allowed.test:9999/')),
  toAddress('a bare address', forbidden),
  toAddress('the bare address of an allowed host', outside.allowed),
  toAddress('a bare IPv6 address', `[${outside.ipv6}]`),
  byPolicy('SOCKS to a bare address', ...socksAddress(forbidden, 443), clientHello()),
  toTarget('a name on the loopback', 'loopback.test', 7042),
  toTarget('localhost', 'localhost', 7042),
  // Closed with any policy: the address of the connection is not the one that was checked.
  { ...toTarget('a name with the unspecified address', 'zero.test', 7042), isOpenByPolicy: false },
  toTarget('a name with a mapped address', 'mapped.test', 7042),
  toTarget('a name with an address of the machine', 'own.test', 7042),
  toTarget('a private name', 'private.test', 443),
  byPolicy('a plain request to a private name', get('http://private.test/')),
  byPolicy('a metadata name', get('http://metadata.test/latest/meta-data/')),
  byPolicy('the metadata address', get(`http://${outside.metadata}/latest/meta-data/`)),
  toAddress('a decimal address', String(decimalOf(forbidden))),
  toAddress('an octal address', octalOf(forbidden)),
  toAddress('a hexadecimal address', `0x${decimalOf(forbidden).toString(16)}`),
  toAddress(
    'a short address',
    forbidden.replace(/\.(\d+)\.(\d+)$/, (_, c, d) => `.${Number(c) * 256 + Number(d)}`),
  ),
  toAddress('an address with a dot', `${forbidden}.`),
  toAddress('a mapped address', `[::ffff:${forbidden}]`),
  toAddress('a decimal loopback address', '2130706433', 7042),
  toAddress('an octal loopback address', '0177.0.0.1', 7042),
  toAddress('a short loopback address', '127.1', 7042),
  toAddress('a mapped loopback address', '[::ffff:7f00:1]', 7042),
  toTarget('another host with a dot', 'forbidden.test.', 443),
  toTarget('another host in capitals', 'FORBIDDEN.TEST', 443),
  toTarget('a name below an allowed one', 'a.allowed.test', 443),
  toTarget('a name that ends like an allowed one', 'xallowed.test', 443),
  toTarget('a name that begins with an allowed one', 'allowed.test.forbidden.test', 443),
  toTarget('the name above a wildcard', 'wild.test', 443),
  toTarget('a name that ends like a wildcard', 'xwild.test', 443),
  toTarget('an international name that looks like an allowed one', lookalike, 443),
  { ...byPolicy('the mounted socket itself', 'x'), tries: ask([get('http://forbidden.test/')], directly()) },
  {
    name: 'the mounted socket itself, with another name in TLS',
    tries: ask([connect('allowed.test:443'), hello], directly()),
    twin: ask([connect('allowed.test:443'), clientHello('allowed.test')], directly()),
  },
  byPolicy('names that carry data to a resolver', get('http://secret.tunnel.test/')),
];

function directly() {
  return { to: '/plan42-wall/gateway.sock' };
}

const forms: readonly Way[] = [
  inTls('TLS with another name (SNI)', hello),
  inTls('TLS without a name', clientHello()),
  inTls('TLS with two names', clientHello('allowed.test', 'forbidden.test')),
  inTls('TLS with another name in fragments', hello.subarray(0, 30), { fragment: hello.subarray(30) }),
  inTls(
    'TLS with two extensions of names',
    record(helloMessage(serverNameExtension('allowed.test'), serverNameExtension('forbidden.test'))),
  ),
  inTls('plain HTTP on the port of TLS', get('/', 'allowed.test')),
  inTls('HTTP/2 on the port of TLS', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  inTls('SSH on the port of TLS', 'SSH-2.0-OpenSSH_9.9\r\n'),
  inHttp('another Host in a tunnel', get('/', 'forbidden.test')),
  inHttp('two Hosts in a tunnel', get('/', 'allowed.test', 'Host: forbidden.test\r\nConnection: close\r\n')),
  inHttp('another URL in a tunnel', get('http://forbidden.test/')),
  inHttp('a tunnel in a tunnel', connect(`${forbidden}:443`), clientHello()),
  inHttp('TLS in a tunnel for HTTP', clientHello('allowed.test')),
  inHttp('HTTP/2 in a tunnel', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  inHttp('a WebSocket to another Host', get('/', 'forbidden.test', upgrade('websocket'))),
  byPolicy('a WebSocket to another host', get('http://forbidden.test/', 'forbidden.test', upgrade('websocket'))),
  {
    name: 'a second request in a connection',
    tries: ask([get('http://allowed.test/', 'allowed.test', ''), get('http://forbidden.test/')], {
      expect: `reached ${forbidden}`,
    }),
    isOpenByPolicy: true,
  },
  {
    name: 'an upgrade to HTTP/2',
    tries: ask([get('http://allowed.test/', 'allowed.test', upgrade('h2c'))], { expect: 'h2c' }),
    twin: ask([get('http://allowed.test/', 'allowed.test', upgrade('websocket'))], { expect: 'websocket' }),
  },
  {
    name: 'a request smuggled behind another',
    tries: ask([
      `POST http://allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${get('/', 'forbidden.test')}`,
    ]),
    twin: ask(['POST http://allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\nContent-Length: 4\r\n\r\n0\r\n\r']),
  },
];

const toForbidden = get('http://forbidden.test/');
/** A request for the forbidden host by a gateway's socket, with the program at a path. */
export const askForbidden = (program: string, socket: string) =>
  `${program} ask ${socket} ${digits(toForbidden)} | grep -a reached`;

const begun = 'GET http://allowed.test/ HT';
const untilServed = `for i in $(seq 100); do ${ask([get('http://allowed.test/')])} && break; sleep 0.1; done`;

/** Keeps connections open, and asks for another host meanwhile. The gateway must recover; the twin shows that they were open. */
const flood = (name: string, count: number): Way => {
  const command = `${w} flood ${count} ${digits(begun)} ${digits(toForbidden)}`;
  return {
    name,
    tries: `${command} >/tmp/flood-${count} 2>&1; ${untilServed}; grep -a reached /tmp/flood-${count}`,
    twin: `grep "opened ${count}" /tmp/flood-${count}`,
  };
};

/** Last, because they take the gateway's time. */
const floods: readonly Way[] = [flood('slow clients (slow loris)', 900), flood('10,000 connections', 10_000)];

/** A name whose look-ups return the allowed and the private address in turn. */
const eightTimes = (expect: string) =>
  `for i in 1 2 3 4 5 6 7 8; do ${w} ask proxy ${digits(get('http://changing.test/'))}; done | grep -a "${expect}"`;
const changing: Way = {
  name: 'a name with a changed address',
  tries: eightTimes(`reached ${outside.private}`),
  twin: eightTimes(`reached ${outside.allowed}`),
};

export const gatewayWays: readonly Way[] = [...targets, ...forms, changing, ...floods];

/** Requests that must succeed, also after everything else. */
export const allowedRequests: Readonly<Record<string, string>> = {
  'an allowed host, after the floods': ask([get('http://allowed.test/')]),
  'an allowed host by its socket': ask([get('http://allowed.test/')], directly()),
  'an allowed host in another spelling': ask([connect('ALLOWED.test.:443'), clientHello('allowed.TEST')]),
  'a host below a wildcard': ask([connect('a.wild.test:443'), clientHello('a.wild.test')]),
  'an international host': ask([...socks('XN--BCHER-kva.test', 443), clientHello('xn--bcher-kva.test')]),
  'an allowed host by SOCKS': ask([...socks('allowed.test', 443), clientHello('allowed.test')]),
};

const rule = (host: string, more: Partial<EgressPolicy['rules'][number]> = {}) => ({
  host,
  ports: [80, 443],
  source: `"${host}" of AllowedHosts`,
  mayBePrivate: false,
  ...more,
});

/** Names of everything that a name must not lead to are allowed, so that it is their addresses that are refused. */
export const waysPolicy: EgressPolicy = {
  ...testPolicy,
  rules: [
    ...['allowed.test', '*.wild.test', 'xn--bcher-kva.test', 'changing.test', 'private.test', 'metadata.test'].map(
      (host) => rule(host),
    ),
    ...['loopback.test', 'zero.test', 'mapped.test', 'own.test', 'localhost'].map((host) =>
      rule(host, { ports: [80, 443, 7042] }),
    ),
  ],
};

/** Allows what the ways want. */
export const openPolicy: EgressPolicy = {
  ...testPolicy,
  rules: [rule('*', { ports, mayBePrivate: true })],
  addresses: [
    ...[...Object.values(outside), ...Object.values(ofMachine), '127.0.0.1', '0.0.0.0', '::ffff:7f00:1'],
    ...[`::ffff:${forbidden}`],
  ].map((address) => ({ cidr: `${address}/${address.includes(':') ? 128 : 32}`, ports, source: address })),
};
