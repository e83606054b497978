/** The agent of the test container: a script of its own, because the container has only Node.js. */
import * as v from 'valibot';
import { parseJson } from '../../lib/json.ts';

/** The output of the script, after {@link reportPrefix}. */
export const CheckReport = v.object({
  url: v.string(),
  durationMs: v.number(),
  /** The HTTP status of the server's response. */
  status: v.optional(v.number()),
  /** Whether the response is one of the API. */
  isFromApi: v.optional(v.boolean()),
  /** Why there is no response. */
  code: v.optional(v.string()),
  message: v.optional(v.string()),
});
export type CheckReport = v.InferOutput<typeof CheckReport>;

/** The output of the script behind the wall, after {@link reportPrefix}. */
export const WallReport = v.object({
  /** The first line of the gateway's response to a request that its policy does not allow. */
  gateway: v.string(),
  /** Why an address of the internet could not be reached directly; `connected` if it could. */
  direct: v.string(),
  /** The call of the server, through the gateway. */
  server: CheckReport,
});

/** The output of the script with a placeholder, after {@link reportPrefix}. */
export const BrokerReport = v.object({
  /** Whether the host got the secret in its place. */
  isReal: v.optional(v.boolean()),
  status: v.optional(v.number()),
  /** Why there is no response, or what the gateway refused. */
  message: v.optional(v.string()),
});
export type BrokerReport = v.InferOutput<typeof BrokerReport>;

/** The output of the script that calls a model twice, after {@link reportPrefix}. */
export const UsageReport = v.object({
  calls: v.array(
    v.object({
      status: v.optional(v.number()),
      /** The error in the response, or why there is no response. */
      message: v.optional(v.string()),
    }),
  ),
});
export type UsageReport = v.InferOutput<typeof UsageReport>;

export const reportPrefix = 'plan42-check ';

/** The last report in the output of a script. Undefined if there is none of this kind. */
export function parseReport<T extends v.GenericSchema>(schema: T, output: string): v.InferOutput<T> | undefined {
  const start = output.lastIndexOf(reportPrefix);
  if (start < 0) return undefined;
  try {
    return v.parse(schema, parseJson(output.slice(start + reportPrefix.length, output.lastIndexOf('}') + 1)));
  } catch {
    return undefined;
  }
}

/**
 * Reads `{"url"}` from standard input, calls the server as an agent would, and prints a {@link CheckReport}. With a `proxyPort`
 * there, it is behind the wall, tries it too, and prints a {@link WallReport}. With a `placeholder`, it sends that to the URL,
 * and prints a {@link BrokerReport}. With a `model`, it calls that twice, and prints a {@link UsageReport}. With `wait`, it does nothing until it is stopped.
 */
export const checkScript = `
const callServer = async (url) => {
  const base = (process.env.PLAN42_URL || url).replace(/\\/$/, '');
  // The clock of the program does not exist in the container.
  const watch = globalThis.performance;
  const start = watch.now();
  const reportOf = (result) => ({ url: base, durationMs: Math.round(watch.now() - start), ...result });
  for (let attempt = 1; ; attempt += 1) {
    try {
      const response = await fetch(base + '/v1/current-user', { redirect: 'manual', signal: AbortSignal.timeout(5000) });
      const text = await response.text();
      let body;
      try { body = JSON.parse(text); } catch {}
      const isFromApi = typeof body === 'object' && body !== null && 'ResponseCode' in body;
      const refusal = /^plan42: network: (.*)/.exec(text);
      return reportOf({ status: response.status, isFromApi, ...(refusal && { message: refusal[1] }) });
    } catch (error) {
      let cause = error;
      while (cause.cause) cause = cause.cause;
      // The network of the container, or the server's address on it, may need a moment.
      const isTransient = ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH'].includes(cause.code);
      if (!isTransient || attempt === 4) return reportOf({ code: String(cause.code ?? cause.name), message: cause.message });
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
};
const tryWall = async (proxyPort) => {
  const { connect } = process.getBuiltinModule('node:net');
  const open = (options) => new Promise((resolve) => {
    const socket = connect(options, () => resolve({ socket }));
    socket.setTimeout(5000, () => resolve({ code: 'ETIMEDOUT' }));
    socket.once('error', ({ code }) => resolve({ code }));
  });
  const { socket, code } = await open({ host: '127.0.0.1', port: proxyPort });
  const gateway = socket === undefined ? code : await new Promise((resolve) => {
    socket.once('data', (data) => resolve(String(data).split('\\r\\n')[0])).once('close', () => resolve('closed'));
    socket.write('CONNECT doctor.plan42.invalid:443 HTTP/1.1\\r\\nHost: doctor.plan42.invalid:443\\r\\n\\r\\n');
  });
  const outside = await open({ host: '1.1.1.1', port: 443 });
  return { gateway, direct: outside.code ?? 'connected' };
};
const usePlaceholder = async (url, placeholder) => {
  try {
    const response = await fetch(url, { headers: { authorization: 'Bearer ' + placeholder }, signal: AbortSignal.timeout(20000) });
    const text = await response.text();
    return response.ok ? JSON.parse(text) : { status: response.status, message: text.trim().slice(0, 500) };
  } catch (error) {
    let cause = error;
    while (cause.cause) cause = cause.cause;
    return { message: String(cause.message) };
  }
};
const callModel = async (url, model) => {
  const calls = [];
  for (let n = 0; n < 2; n += 1) {
    try {
      const body = JSON.stringify({ model, messages: [] });
      const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body, signal: AbortSignal.timeout(20000) });
      const text = await response.text();
      let message = text.trim();
      try { message = JSON.parse(text).error.message; } catch {}
      calls.push({ status: response.status, ...(!response.ok && { message: String(message).slice(0, 500) }) });
    } catch (error) {
      let cause = error;
      while (cause.cause) cause = cause.cause;
      calls.push({ message: String(cause.message) });
    }
  }
  return { calls };
};
let input = '';
process.stdin.setEncoding('utf8').on('data', (text) => { input += text; }).on('end', async () => {
  const { proxyPort, url, placeholder, model, wait } = JSON.parse(input);
  if (wait) {
    process.on('SIGTERM', () => process.exit(0));
    setInterval(() => {}, 1000);
    return;
  }
  const findOut = async () => {
    if (model !== undefined) return callModel(url, model);
    if (placeholder !== undefined) return usePlaceholder(url, placeholder);
    const wall = proxyPort === undefined ? undefined : await tryWall(proxyPort);
    const server = await callServer(url);
    return wall === undefined ? server : { ...wall, server };
  };
  const report = await findOut();
  process.stdout.write('${reportPrefix}' + JSON.stringify(report) + '\\n', () => process.exit(0));
});
`;

/** In a packaged executable the name by which it is called selects the program; this one runs the script of its argument. */
export const interpreterName = 'plan42-run-script';
