import { defineConfig, type OxlintOverride } from 'oxlint';

/**
 * The rooms of src/, each with the rooms it may import from. Data flows the way this list points; see
 * docs/ARCHITECTURE.md.
 */
const mayImport: Record<string, readonly string[]> = {
  lib: [],
  config: ['gateway', 'lib'],
  plan42: ['lib'],
  control: ['config', 'lib'],
  service: ['config', 'lib'],
  shim: ['lib'],
  gateway: ['lib'],
  wall: ['gateway', 'shim', 'config', 'lib'],
  runtimes: ['wall', 'gateway', 'shim', 'config', 'lib'],
  limits: ['runtimes', 'gateway', 'shim', 'plan42', 'config', 'lib'],
  github: ['plan42', 'config', 'lib'],
  jobs: ['github', 'limits', 'runtimes', 'gateway', 'shim', 'plan42', 'config', 'lib'],
  events: ['github', 'plan42', 'config', 'lib'],
  runner: ['jobs', 'limits', 'events', 'github', 'control', 'runtimes', 'shim', 'plan42', 'config', 'lib'],
  web: ['gateway', 'plan42', 'lib'],
  server: ['gateway', 'plan42', 'lib'],
  agent: ['gateway', 'plan42', 'lib'],
  checks: ['jobs', 'github', 'control', 'service', 'runtimes', 'gateway', 'plan42', 'config', 'lib'],
  tui: ['checks', 'github', 'control', 'runtimes', 'plan42', 'config', 'lib'],
  cli: [
    'tui',
    'checks',
    'runner',
    'server',
    'agent',
    'jobs',
    'limits',
    'github',
    'control',
    'service',
    'runtimes',
    'gateway',
    'shim',
    'plan42',
    'config',
    'lib',
  ],
  bin: ['cli', 'tui', 'agent', 'gateway', 'limits', 'lib'],
};

/** Rooms of which the others may import these files only. */
const publicFiles: Record<string, readonly string[]> = {
  // Runs in containers, without the rest of the program. Its adapters are data, which the command line reads too, and
  // "plan42 run" works with git and GitHub in the same way.
  agent: ['agent', 'turn/reached-limit', 'adapters/*', 'failures', 'git/*', 'github/*'],
  shim: ['shim', 'job-log'],
  // A process of its own. The others write its policy and read its report.
  gateway: [
    'gateway',
    'policy',
    'refused',
    'report',
    'entries',
    'host-name',
    'ip-address',
    'presets',
    'proxy-variables',
    'github-guard/hosts',
    'github-guard/rules',
    'credentials',
    'pod/channel',
    'pod/warden',
    'models/ledger',
    'models/usage',
  ],
  wall: ['wall'],
  limits: ['limits', 'uses', 'effective', 'files', 'warden', 'warden-process', 'pod-warden'],
  runtimes: [
    ...['runtime', 'replicas', 'meter', 'select', 'survey', 'status', 'image-policy'],
    ...['authorities', 'check/run-check', 'check/pod-check', 'check/names'],
  ],
};

const rooms = Object.keys(mayImport);

/** The folders of src/server, each with the folders it may import from. Files beside them wire everything together. */
const serverMayImport: Record<string, readonly string[]> = {
  store: [],
  sigv4: [],
  core: ['store'],
  page: ['core', 'store'],
  git: ['core', 'store'],
  http: ['page', 'sigv4', 'core', 'store'],
  routes: ['http', 'git', 'page', 'sigv4', 'core', 'store'],
};

function forbid(place: string, allowed: readonly string[], all: readonly string[]) {
  const forbidden = all.filter((other) => !place.endsWith(`/${other}`) && !allowed.includes(other));
  return {
    regex: `^(\\.\\./)+(${forbidden.join('|')})/`,
    message: `${place} may only import from: ${allowed.join(', ') || 'nothing else'}.`,
  };
}

const roomPatterns = (room: string) => [
  forbid(`src/${room}`, mayImport[room] ?? [], rooms),
  ...Object.entries(publicFiles)
    .filter(([other]) => other !== room)
    .map(([other, files]) => ({
      group: [`**/${other}/**`, ...files.map((file) => `!**/${other}/${file}.ts`)],
      message: `Of src/${other}, other rooms may only import: ${files.join(', ')}.`,
    })),
];

/** Replacing a file in another way loses its owner, group and mode, or its content in a crash. */
const replacesFiles = ['writeFile', 'appendFile', 'copyFile', 'cp', 'rename', 'truncate'];
const paths = ['node:fs', 'node:fs/promises'].map((name) => ({
  name,
  importNames: replacesFiles.flatMap((name) => [name, `${name}Sync`]),
  message: 'Use replaceFile() for files of users, and writeDurably(), createFile() or move() for our own.',
}));
/** They implement these functions, rotate logs, copy an index of git, or replace a database that SQLite has written. */
const mayReplaceFiles = [
  'src/cli/run/git/local-repository.ts',
  'src/lib/files.ts',
  'src/lib/replace-file.ts',
  'src/lib/rotating-file.ts',
  'src/server/backup.ts',
  'src/server/restore.ts',
  'src/server/store/database.ts',
  'src/server/store/run-mark.ts',
];

// Tests stand beside their sources, and may look further.
function direction(place: string, patterns: object[]): OxlintOverride[] {
  const override = (files: string[], options: object): OxlintOverride => ({
    files,
    excludeFiles: ['**/*.test.ts'],
    rules: { 'no-restricted-imports': ['error', options] },
  });
  const exempt = mayReplaceFiles.filter((file) => file.startsWith(`${place}/`));
  return [
    override([`${place}/**/*.ts`, `${place}/**/*.tsx`], { patterns, paths }),
    ...(exempt.length === 0 ? [] : [override(exempt, { patterns })]),
  ];
}

// Of two overrides of one file the later one counts alone, so it repeats the patterns of the room.
const directions = [
  ...rooms.flatMap((room) => direction(`src/${room}`, roomPatterns(room))),
  ...Object.entries(serverMayImport).flatMap(([folder, allowed]) => {
    const place = `src/server/${folder}`;
    return direction(place, [...roomPatterns('server'), forbid(place, allowed, Object.keys(serverMayImport))]);
  }),
];

const onlyInBin = { files: ['src/**/*.ts'], excludeFiles: ['src/bin/**', '**/*.test.ts'] };

// Tests hand functions and odd values around on purpose.
const inTests = {
  files: ['**/*.test.ts', 'test/**/*.ts'],
  rules: {
    'typescript/unbound-method': 'off',
    'typescript/restrict-template-expressions': 'off',
    'typescript/no-base-to-string': 'off',
    'typescript/no-misused-spread': 'off',
  },
} satisfies OxlintOverride;

export default defineConfig({
  options: { typeAware: true, denyWarnings: true, reportUnusedDisableDirectives: 'error' },
  plugins: ['typescript', 'import', 'unicorn', 'node', 'promise', 'oxc'],
  jsPlugins: ['./scripts/lint/linear-regex.ts'],
  categories: { correctness: 'error', suspicious: 'error', perf: 'error' },
  rules: {
    'import/no-cycle': ['error', { ignoreTypes: false }],
    'typescript/no-explicit-any': 'error',
    // node:test takes care of its own promises.
    'typescript/no-floating-promises': [
      'error',
      {
        allowForKnownSafeCalls: [{ from: 'package', name: ['test', 'it', 'describe', 'suite'], package: 'node:test' }],
      },
    ],
    'typescript/no-misused-promises': 'error',
    // Without `await`, a function disposes of what it owns, and leaves its `try`, before the promise has settled.
    'typescript/return-await': ['error', 'error-handling-correctness-only'],
    'typescript/switch-exhaustiveness-check': 'error',
    'typescript/no-non-null-assertion': 'error',
    'no-await-in-loop': 'off', // Most loops here are sequential on purpose: retries, polls, orders that matter.
    'no-underscore-dangle': 'off', // `_` marks a resource that is only held.
    'no-shadow': 'off',
    'consistent-return': 'off', // The compiler's noImplicitReturns is exact about it.
    'typescript/no-unsafe-type-assertion': 'off',
    'typescript/consistent-return': 'off',
    'typescript/no-meaningless-void-operator': 'off',
    'typescript/no-unnecessary-type-conversion': 'off',
    'unicorn/consistent-function-scoping': 'off', // Functions stand where they are understood.
    'unicorn/no-useless-spread': 'off', // Spread keeps an option and its value together in argument lists.
    'import/no-named-as-default-member': 'off',
    'import/no-unassigned-import': 'off',
    'promise/always-return': 'off',
    'promise/no-promise-in-callback': 'off', // Takes an async method for a Node.js callback, by its parameter's name.
  },
  overrides: [
    ...directions,
    inTests,
    { files: ['src/**'], excludeFiles: ['**/*.test.ts'], rules: { 'plan42/linear-regex': 'error' } },
    { ...onlyInBin, rules: { 'node/no-process-env': 'error', 'unicorn/no-process-exit': 'error' } },
  ],
  ignorePatterns: ['dist', 'bin', 'node_modules'],
});
