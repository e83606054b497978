/**
 * The variables with which programs in a container find the gateway: curl, git, pip, apt, go, npm, cargo and most others read
 * the first ones, in one of two spellings. None of them is secret: credentials of a proxy in front stay in the gateway.
 */
export function proxyVariables(port: number): Record<string, string> {
  const url = `http://127.0.0.1:${port}`;
  const direct = 'localhost,127.0.0.1,::1';
  const javaHosts = 'localhost|127.0.0.1|[::1]';
  const java = ['http', 'https'].map((name) => `-D${name}.proxyHost=127.0.0.1 -D${name}.proxyPort=${port}`).join(' ');
  return {
    http_proxy: url,
    https_proxy: url,
    all_proxy: url,
    no_proxy: direct,
    HTTP_PROXY: url,
    HTTPS_PROXY: url,
    ALL_PROXY: url,
    NO_PROXY: direct,
    // Node.js reads them only if this is set.
    NODE_USE_ENV_PROXY: '1',
    // Yarn 2 and later read their own.
    YARN_HTTP_PROXY: url,
    YARN_HTTPS_PROXY: url,
    JAVA_TOOL_OPTIONS: `${java} -Dhttp.nonProxyHosts=${javaHosts}`,
  };
}
