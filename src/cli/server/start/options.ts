import { type Command, Option } from 'commander';
import { logLevels } from '../../../lib/logger.ts';
import { httpUrl, resolvedPath, withColorOption } from '../../options.ts';
import { defaultKeepDeleted, keepPeriod } from './keep-period.ts';
import { parseListenAddress } from './listen-address.ts';

/** Adds the options of `start` and `enable`. */
export function withStartOptions(command: Command): Command {
  return withColorOption(command)
    .addOption(
      new Option('--listen <address>', 'host and port; port 0 chooses a free port')
        .argParser(parseListenAddress)
        .default({ host: '127.0.0.1', port: 7042 }, '127.0.0.1:7042'),
    )
    .option('--no-containers', 'with a loopback address: do not listen for containers of docker and podman')
    .option('--data <folder>', 'data folder, created if missing', resolvedPath)
    .option(
      '--public-url <url>',
      'address at which runners and agents reach the server, if not the listen address',
      httpUrl,
    )
    .option('--tls-cert <file>', 'PEM file with the certificate chain', resolvedPath)
    .option('--tls-key <file>', 'PEM file with the private key', resolvedPath)
    .option('--keep-tasks <time>', 'remove finished tasks after this time, such as 90d (default: never)', keepPeriod)
    .option('--keep-logs <time>', 'remove logs of finished turns after this time (default: never)', keepPeriod)
    .addOption(
      new Option('--keep-deleted <time>', 'remove deleted tasks and environments after this time, or "forever"')
        .argParser(keepPeriod)
        .default(keepPeriod(defaultKeepDeleted), defaultKeepDeleted),
    )
    .addOption(new Option('--log-level <level>', 'minimum level of log lines').choices(logLevels).default('info'))
    .addOption(new Option('--log-format <format>', 'format of log lines').choices(['text', 'json']).default('text'));
}
