/**
 * Functions with text parameters that are not fuzzed, each with the reason. A name that ends with `/` is a folder, one
 * without `#` a file.
 */
const ownText = 'its texts are constants of the program, or already formatted';
const operator = 'its text is a path or a value that the operator chose';
const checkedId = 'its text is an ID that is compared or stored, never parsed';
const asParameter = 'its texts reach SQLite as bound parameters; its files are those of the server';

export const exemptions: Readonly<Record<string, string>> = {
  'agent/failures.ts#failureMessage': 'formats by formatError',
  'agent/git/environment.ts#gitEnvironment': operator,
  'agent/github/client.ts#connectGithub': 'its text is the URL of a connection; responses are checked by schemas',
  'checks/finding.ts': ownText,
  'checks/token.ts#tokenRemedy': ownText,
  'cli/agents/build-image.ts#imageOfAgent': 'the name is a constant, or matches a pattern',
  'cli/agents/devcontainer.ts': 'its other texts are paths; the content is read by parseDevcontainer',
  'cli/agents/recipe.ts#recipeFolder': operator,
  'cli/completion/candidates.ts#complete': 'its words are the command line of the user, which commander has split',
  'cli/options.ts#collect': 'collects and does not read',
  'cli/options.ts#examples': ownText,
  'cli/options.ts#inputPath': operator,
  'cli/options.ts#resolvedPath': operator,
  'cli/run/git/exchange.ts#hostedRemote': operator,
  'cli/run/git/exchange.ts#refsOf': checkedId,
  'cli/run/service/run-folder.ts#stopFile': checkedId,
  'cli/runner/config/assignments.ts#emptyValue': operator,
  'cli/runner/config/setting-value.ts#isInFile': operator,
  'cli/runner/doctor/render.ts#toJson': 'rendered by renderJson',
  'cli/server/data-dir.ts#serverDataDir': operator,
  'cli/server/pick-by-name.ts#pickByNameOrId': checkedId,
  'cli/server/require-image.ts#requireImage': 'reads by imageProblem',
  'cli/server/start/log-file.ts#serverLogFiles': operator,
  'cli/server/service/enable.ts#startArguments': operator,
  'config/paths.ts': operator,
  'config/read-file.ts#closeCommand': operator,
  'config/schema.ts#environmentVariable': ownText,
  'control/client.ts#createControlClient': operator,
  'control/socket-path.ts#controlSocketPath': operator,
  'github/feedback/query.ts#cursorVariable': ownText,
  'jobs/images/image-pin.ts#pinName': checkedId,
  'jobs/job-id.ts#formatJobId': checkedId,
  'lib/ca-file.ts#readCaFile': operator,
  'lib/environment-failure.ts': 'reads the codes of system errors',
  'lib/errors.ts#isAbort': 'compares only',
  'lib/files.ts': operator,
  'lib/home-path.ts': operator,
  'lib/lock.ts': operator,
  'lib/read-file.ts': operator,
  'lib/rotating-file.ts#rotatedNames': operator,
  'plan42/features.ts#noteFeatures': 'compares with constants only',
  'plan42/task-input.ts#usesDefaultConnection': checkedId,
  'plan42/turn-logs.ts#streamTurnLogs': 'reads by parseEventStream',
  'plan42/turn-status.ts#isUnsent': 'compares with constants only',
  'runtimes/image-reference.ts#isNamedLocal': 'compares the start only',
  'runner/date-file.ts#openDateFile': operator,
  'runner/disk-watch.ts#reportLowDisk': ownText,
  'runner/require-token.ts': 'reads by parseRunnerToken',
  'runner/service-log.ts#serviceLogFiles': operator,
  'runtimes/authorities.ts': operator,
  'runtimes/check/image.ts#checkImage': operator,
  'runtimes/engine/authorities.ts': operator,
  'runtimes/engine/host-route.ts#noRoute': ownText,
  'runtimes/engine/host-route.ts#noRouteFrom': ownText,
  'runtimes/engine/run-arguments.ts': 'passes on options, and an image that parseImageReference has accepted',
  'server/core/': 'gets bodies that a schema has accepted',
  'server/data-folder.ts': operator,
  'server/git/push-rights.ts': 'compares only',
  'server/git/repositories.ts': 'checks names by isRepositoryName',
  'server/git/run-git.ts': ownText,
  'server/http/access.ts#authorise': checkedId,
  'server/http/query.ts#listReply': 'reads by pageRequest',
  'server/http/query.ts#listedDeleted': 'reads by queryFlag',
  'server/http/reply.ts#sendGitError': 'writes what errorReply returns',
  'server/http/reply.ts#sendError': 'writes what errorReply returns',
  'server/page/sessions.ts': 'hashes tokens and compares the hashes',
  'server/routes/': checkedId,
  'server/store/': asParameter,
  'service/definition.ts#defineServer': operator,
  'tui/view/field-line.ts': 'draws by span and showText',
  'tui/view/line.ts#raw': ownText,
  'web/plot.ts#bandsOf': 'compares one character after the other',
};

/** Returns why the function is not fuzzed; undefined if it has to be. */
export function exemptionOf(name: string): string | undefined {
  return Object.entries(exemptions).find(([exempt]) => covers(exempt, name))?.[1];
}

export function covers(exempt: string, name: string): boolean {
  return exempt.endsWith('/') ? name.startsWith(exempt) : name === exempt || name.startsWith(`${exempt}#`);
}
