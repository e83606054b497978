import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { isProxyUrl } from '../../src/config/egress.ts';
import { parseConfig } from '../../src/config/parse.ts';
import { type HelloResult, readClientHello, readSecondHello } from '../../src/gateway/client-hello.ts';
import { allowedHostProblem, covers, type Entry, InvalidEntry, parseEntry } from '../../src/gateway/entries.ts';
import { refuseFirstBytes } from '../../src/gateway/first-bytes.ts';
import { proxyAuthorization } from '../../src/gateway/front-proxy.ts';
import { passedOn, valuesOf } from '../../src/gateway/headers.ts';
import { type Host, parseHost, parseTarget, showTarget } from '../../src/gateway/host-name.ts';
import { type Injection, injectCredentials } from '../../src/gateway/intercept/placeholders.ts';
import { type IpAddress, parseAddress, parseBlock, showAddress, showBlock } from '../../src/gateway/ip-address.ts';
import { callKind, modelInPath, providerOf } from '../../src/gateway/models/call-kind.ts';
import { parseUsage } from '../../src/gateway/models/ledger.ts';
import { createUsageReader } from '../../src/gateway/models/read-usage.ts';
import { parseRequest } from '../../src/gateway/models/request-body.ts';
import { createResponseObjects } from '../../src/gateway/models/response-objects.ts';
import { findPrice, tokensOf } from '../../src/gateway/models/usage.ts';
import { withoutUsage } from '../../src/gateway/models/usage-chunk.ts';
import type { EgressPolicy } from '../../src/gateway/policy.ts';
import { readRequestTarget } from '../../src/gateway/request-target.ts';
import { isRetryRequest } from '../../src/gateway/server-hello.ts';
import { readSocksGreeting, readSocksRequest, type SocksMessage } from '../../src/gateway/socks.ts';
import { describeRefusal, describeUnreachable } from '../../src/gateway/tunnel.ts';
import { computePolicy } from '../../src/jobs/egress/compute-policy.ts';
import { UserError } from '../../src/lib/errors.ts';
import { clientHello, helloMessage, record, serverNameExtension } from '../../test/support/client-hello.ts';
import type { Target } from '../target.ts';

const hosts = [
  ...['example.com', 'EXAMPLE.com.', 'bücher.example', 'xn--bcher-kva.example', '127.1', '0x7f000001', '017700000001'],
  ...['2130706433', '[::ffff:127.0.0.1]', '::1', 'fe80::1%lo', '１２７。0.0.1', 'a_b.example', '1.2.3.4.'],
];
const fuzzConfig = parseConfig({ file: '[egress]\nmode = "enforce"', env: {}, flags: new Map() }).config;
const fuzzCredentials = [1, 2, 3].map((n) => ({
  name: `c${n}`,
  placeholder: `PLACEHOLDER-${n}`,
  value: `SECRET-${n}`,
  isForHost: n !== 2,
  header: n === 3 ? 'x-own' : undefined,
}));
const tunnel = parseTarget('good.example:80');
const text = (bytes: Buffer) => bytes.toString('latin1');
const good = serverNameExtension('good.example');

function checkHost(host: Host | undefined): void {
  if (host === undefined) return;
  assert.deepEqual(parseHost(host.text), host, 'the canonical form has another canonical form');
  assert.equal(isIP(host.text) !== 0, host.kind === 'address');
  if (host.kind === 'address') return;
  assert.match(host.text, /^[a-z0-9_.-]{1,253}$/);
  assert.doesNotMatch(host.text, /(?:^|\.)(?:\d+|0x[\da-f]*)$/, 'resolvers may read the name as an address');
}

export const targets: readonly Target[] = [
  {
    covers: [
      'gateway/models/call-kind.ts#callKind',
      'gateway/models/call-kind.ts#modelInPath',
      'gateway/models/call-kind.ts#providerOf',
      'gateway/models/usage.ts#findPrice',
      'gateway/models/ledger.ts#parseUsage',
      'gateway/models/response-objects.ts#createResponseObjects',
    ],
    corpus: [
      'data: {"usage":{"prompt_tokens":1}}\r\n\r\ndata: [DONE]\n\n',
      '/v1beta/models/m:generateContent?alt=sse',
      '{"model":"m","usage":{"input_tokens":4,"output_tokens":2}}',
    ],
    run: (text: string) => {
      const kind = callKind('POST', text, providerOf(text));
      const reader = createUsageReader({
        kind: kind === undefined || kind === 'unknown' ? 'openai-chat' : kind,
        model: modelInPath(text),
        requestBytes: text.length,
      });
      for (const isStream of [true, false]) {
        const objects = createResponseObjects(isStream, (value) => reader.take(value));
        objects.write(Buffer.from(text));
        objects.end();
      }
      const usage = reader.finish({ isComplete: false, bytes: text.length });
      return [findPrice({ m: { input: 1, output: 1 } }, text), tokensOf(usage), parseUsage(text).length].slice(1);
    },
    // As a stream, as one object, and each line as one of a ledger, in which an error costs most.
    passes: 4,
    check: (counts: unknown) => assert.ok(Array.isArray(counts) && counts.every((each) => each >= 0)),
  },
  {
    covers: ['gateway/models/usage-chunk.ts#withoutUsage', 'gateway/models/request-body.ts#parseRequest'],
    corpus: ['data: {"choices":[],"usage":{}}\r\n\r\ndata: [DONE]\n\n', '{"model":"m","stream":true}'],
    run: (text: string) => {
      const filter = withoutUsage();
      const passed = [filter.write(Buffer.from(text)), filter.end()];
      return { passed: Buffer.concat(passed).length, length: Buffer.byteLength(text), parsed: parseRequest(text) };
    },
    passes: 2,
    check: ({ passed, length }: { passed: number; length: number }) => assert.ok(passed <= length),
  },
  {
    covers: ['gateway/host-name.ts#parseHost'],
    maxKiB: 2,
    corpus: hosts,
    run: (host: string) => parseHost(host),
    check: checkHost,
  },
  {
    covers: ['gateway/host-name.ts#parseTarget'],
    maxKiB: 2,
    corpus: [...hosts.map((host) => `${host}:443`), '[::1]:80', 'a:0', 'a:65536'],
    run: (target: string) => {
      const parsed = parseTarget(target);
      return parsed && showTarget(parsed);
    },
    check: (shown: string | undefined) => {
      if (shown !== undefined) assert.equal(showTarget(parseTarget(shown) ?? assert.fail(shown)), shown);
    },
  },
  {
    covers: ['gateway/ip-address.ts#parseAddress', 'gateway/ip-address.ts#parseBlock'],
    maxKiB: 2,
    corpus: [...hosts, '10.0.0.0/8', 'fd00::/8', '1:2:3:4:5:6:7:8', '::1.2.3.4', '1::8'],
    run: (address: string) => ({ address: parseAddress(address), block: parseBlock(address) }),
    check: ({ address, block }: { address: IpAddress | undefined; block: ReturnType<typeof parseBlock> }) => {
      if (address !== undefined) assert.deepEqual(parseAddress(showAddress(address)), address);
      if (block !== undefined) assert.deepEqual(parseBlock(showBlock(block)), block);
    },
  },
  {
    covers: ['gateway/entries.ts#allowedHostProblem'],
    maxKiB: 2,
    corpus: [...hosts, ' npm ', '*', '10.0.0.0/8', 'https://a/b', '*.*.a'],
    run: (entry: string) => ({ entry, problem: allowedHostProblem(entry) }),
    // The server must not accept a list for which the runner refuses the jobs.
    check: ({ entry, problem }: { entry: string; problem: string | undefined }) => {
      const decide = () =>
        computePolicy({
          jobId: 'j',
          config: fuzzConfig,
          allowedHosts: [entry],
          serverUrl: new URL('https://plan42.example'),
          github: undefined,
          env: {},
        });
      if (problem === undefined) decide();
      else assert.throws(decide, UserError);
    },
  },
  {
    covers: ['gateway/entries.ts#parseEntry', 'gateway/entries.ts#parseHostEntry', 'gateway/entries.ts#covers'],
    maxKiB: 2,
    corpus: [
      ...hosts,
      '*.example.com:8443',
      'npm',
      '*',
      '10.0.0.0/8:22',
      '[fd00::/8]:443',
      'https://a/b',
      '*.*.a',
      'pipy',
      'npm:8443',
    ],
    run: (entry: string) => parseEntry(entry),
    errors: [InvalidEntry],
    // A preset has many hosts, and an error quotes none of the text.
    maxGrowth: 2000,
    check: (entries: readonly Entry[]) => {
      for (const entry of entries) {
        assert.ok(entry.ports.every((port) => port > 0 && port < 65_536));
        if (entry.kind === 'address') continue;
        assert.ok(covers('*', entry.host) && covers(entry.host, entry.host));
        if (entry.host !== '*') checkHost(parseHost(entry.host.replace(/^\*\./, '')) ?? assert.fail(entry.host));
      }
    },
  },
  {
    covers: ['gateway/client-hello.ts#readClientHello', 'gateway/first-bytes.ts#refuseFirstBytes'],
    corpus: [
      clientHello('good.example'),
      clientHello('evil.example'),
      clientHello(),
      record(helloMessage(Buffer.from([0, 23, 0, 0]), good)),
      Buffer.concat([record(helloMessage(good).subarray(0, 30)), record(helloMessage(good).subarray(30))]),
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    ].map(text),
    input: 'bytes',
    maxKiB: 64,
    run: (bytes: Buffer) => ({
      hello: readClientHello(bytes),
      refusal: refuseFirstBytes({ host: { kind: 'name', text: 'good.example' }, port: 443 }, bytes),
    }),
    maxGrowth: 1000,
    check: ({ hello, refusal }: { hello: HelloResult; refusal: unknown }) => {
      const isGood = hello.kind === 'hello' && parseHost(hello.serverName ?? '')?.text === 'good.example';
      assert.equal(refusal === undefined, isGood);
    },
  },
  {
    covers: ['gateway/client-hello.ts#readSecondHello', 'gateway/server-hello.ts#isRetryRequest'],
    corpus: [
      Buffer.concat([record(Buffer.from([1]), 20), record(Buffer.alloc(40), 23), clientHello('good.example')]),
      Buffer.concat([record(Buffer.from([1, 112]), 21), record(Buffer.from([2, 0, 0, 38, 3, 3, 0xcf, 0x21]))]),
    ].map(text),
    input: 'bytes',
    maxKiB: 64,
    run: (bytes: Buffer) => ({ hello: readSecondHello(bytes), isRetry: isRetryRequest(bytes) }),
    maxGrowth: 1000,
    check: ({ hello, isRetry }: { hello: HelloResult; isRetry: boolean | undefined }, bytes: Buffer) => {
      if (hello.kind === 'hello') {
        assert.ok(hello.length <= bytes.length);
        assert.deepEqual(readSecondHello(bytes.subarray(0, hello.length)), hello, 'bytes after it changed it');
      }
      // A result does not change with the bytes that follow.
      if (isRetry !== undefined) assert.equal(isRetryRequest(Buffer.concat([bytes, bytes])), isRetry);
    },
  },
  {
    // A line of a header, and a path, with placeholders for this host, another host, and a header of its own.
    covers: ['gateway/intercept/placeholders.ts#injectCredentials'],
    maxKiB: 64,
    corpus: [
      'Authorization: Bearer PLACEHOLDER-1\n/a?key=PLACEHOLDER-1',
      `Authorization: Basic ${btoa('x:PLACEHOLDER-1')}\n/`,
      `Authorization: Basic ${btoa('PLACEHOLDER-2')}\n/PLACEHOLDER-2`,
      'X-Own: PLACEHOLDER-3\n/?x=PLACEHOLDER-3&key=',
    ],
    run: (request: string) => {
      const [line = '', path = ''] = request.split('\n');
      const [name = '', value = ''] = line.split(': ');
      return injectCredentials(fuzzCredentials, { rawHeaders: [name, value], path });
    },
    maxGrowth: 100,
    check: (result: Injection, request: string) => {
      const shown = JSON.stringify(result);
      assert.ok(!shown.includes('SECRET-2'), 'a credential of another host');
      if (result.kind === 'pass') assert.ok(!/PLACEHOLDER-[123]/.test(shown), 'a placeholder passes');
      if (!shown.includes('SECRET-')) return;
      assert.match(request, /^(?:Authorization|X-Api-Key|X-Own)|key=PLACEHOLDER-1/i);
    },
  },
  {
    covers: ['gateway/socks.ts#readSocksGreeting', 'gateway/socks.ts#readSocksRequest'],
    maxKiB: 2,
    corpus: [
      '\u0005\u0001\0',
      '\u0005\u0001\0\u0001\u007f\0\0\u0001\0\u0050',
      '\u0005\u0001\0\u0003\u0003a.b\0\u0050rest',
    ],
    input: 'bytes',
    run: (bytes: Buffer) => [readSocksGreeting(bytes), readSocksRequest(bytes)],
    maxGrowth: 1000,
    check: (messages: readonly SocksMessage[], bytes: Buffer) => {
      for (const message of messages) {
        if ('length' in message) assert.ok(message.length > 0 && message.length <= bytes.length);
        if (message.kind === 'request') checkHost(message.target.host);
      }
    },
  },
  {
    // Request lines and Host headers, to the proxy and in a tunnel.
    covers: ['gateway/headers.ts#valuesOf', 'gateway/headers.ts#passedOn'],
    maxKiB: 64,
    corpus: [
      'http://good.example/x\nHost\ngood.example',
      '/\nHost\ngood.example:80',
      'http://a@b/\nhost\na',
      'HTTP://[::1]:80?x\nX\n1',
    ],
    run: (lines: string) => {
      const [url = '', ...rawHeaders] = lines.split('\n');
      const inTunnel = readRequestTarget({ url, rawHeaders }, tunnel);
      const toProxy = readRequestTarget({ url, rawHeaders }, undefined);
      return { inTunnel, toProxy, hosts: valuesOf(rawHeaders, 'host'), headers: passedOn(rawHeaders, ['host']) };
    },
    maxGrowth: 40,
    check: ({
      inTunnel,
      toProxy,
      hosts,
      headers,
    }: Record<string, ReturnType<typeof readRequestTarget>> & { hosts: string[]; headers: string[] }) => {
      assert.equal(valuesOf(headers, 'host').length, 0);
      if (toProxy?.kind === 'target') assert.ok(toProxy.path.startsWith('/'));
      if (inTunnel?.kind !== 'target') return;
      assert.equal(showTarget(inTunnel.target), 'good.example:80');
      assert.equal(parseTarget(hosts[0] ?? '', 80)?.host.text, 'good.example');
    },
  },
  {
    // The hosts of an environment, and the GitHub of a request.
    covers: ['jobs/egress/rules-for-url.ts#rulesForUrl'],
    corpus: [
      '{"hosts":["a.example","*.b.example:8443","npm","10.0.0.1"],"github":"https://git.example:8443/x"}',
      '{"hosts":"a","github":"http://[::1]"}',
    ],
    input: 'value',
    maxKiB: 64,
    run: (value: unknown) => {
      const { hosts, github } = (value ?? {}) as { hosts?: unknown; github?: unknown };
      const url = typeof github === 'string' ? URL.parse(github) : null;
      return computePolicy({
        jobId: 'job',
        config: fuzzConfig,
        allowedHosts: hosts,
        serverUrl: fuzzConfig.runner.url,
        github: url === null ? undefined : { url, isConfigured: false },
        env: {},
      }).policy;
    },
    errors: [UserError],
    maxGrowth: 2000,
    check: (policy: EgressPolicy | undefined) => {
      assert.deepEqual(policy?.addresses, [], 'a request opens addresses');
      assert.ok(
        policy?.rules.every(({ mayBePrivate }) => !mayBePrivate),
        'a request opens private addresses',
      );
    },
  },
  {
    covers: ['config/egress.ts#isProxyUrl'],
    corpus: ['http://user:p%40ss@proxy.example:3128', 'https://[::1]', 'socks5://a', 'http://%zz@a'],
    run: (url: string) => isProxyUrl(url) && proxyAuthorization(new URL(url)),
    maxGrowth: 12,
  },
  {
    covers: ['gateway/tunnel.ts#describeRefusal', 'gateway/tunnel.ts#describeUnreachable'],
    corpus: ['good.example:443'],
    run: (name: string) => {
      const refusal = { code: 'not-tls', reason: 'x', remedy: 'y' } as const;
      const target = parseTarget(name);
      return describeRefusal(name, refusal) + (target === undefined ? '' : describeUnreachable(target, 'z'));
    },
    maxGrowth: 300,
  },
];
