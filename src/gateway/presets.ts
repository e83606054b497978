/** Lists of hosts under one word, for `AllowedHosts` and `[egress]`. `docs/egress.md` shows them. */

interface Preset {
  about: string;
  hosts: readonly string[];
}

function preset(about: string, ...hosts: string[]): Preset {
  return { about, hosts };
}

export const presets = {
  npm: preset(
    'packages of npm and Yarn, headers of Node.js',
    'registry.npmjs.org',
    'registry.yarnpkg.com',
    'nodejs.org',
  ),
  pypi: preset('packages of Python', 'pypi.org', 'files.pythonhosted.org'),
  debian: preset('packages of Debian', 'deb.debian.org', 'security.debian.org', 'ftp.debian.org'),
  ubuntu: preset(
    'packages of Ubuntu',
    'archive.ubuntu.com',
    '*.archive.ubuntu.com',
    'security.ubuntu.com',
    'ports.ubuntu.com',
  ),
  alpine: preset('packages of Alpine Linux', 'dl-cdn.alpinelinux.org'),
  go: preset('Go modules and toolchains', 'proxy.golang.org', 'sum.golang.org', 'go.dev', 'dl.google.com'),
  crates: preset(
    'crates and toolchains of Rust',
    'index.crates.io',
    'static.crates.io',
    'crates.io',
    'static.rust-lang.org',
  ),
  rubygems: preset('gems of Ruby', 'rubygems.org', 'index.rubygems.org'),
  maven: preset(
    'packages of Java',
    'repo.maven.apache.org',
    'repo1.maven.org',
    'plugins.gradle.org',
    'services.gradle.org',
  ),
  nuget: preset('packages of .NET', 'api.nuget.org', 'www.nuget.org'),
  packagist: preset('packages of PHP', 'repo.packagist.org', 'packagist.org'),
  github: preset(
    'GitHub: API, git, uploads, archives and release assets',
    'github.com',
    'api.github.com',
    'uploads.github.com',
    'codeload.github.com',
    'raw.githubusercontent.com',
    'objects.githubusercontent.com',
    'release-assets.githubusercontent.com',
    'github-cloud.githubusercontent.com',
    'github-cloud.s3.amazonaws.com',
    'lfs.github.com',
    'media.githubusercontent.com',
    'objects-origin.githubusercontent.com',
    'github-releases.githubusercontent.com',
  ),
  anthropic: preset('models of Anthropic', 'api.anthropic.com'),
  openai: preset('models of OpenAI', 'api.openai.com'),
  gemini: preset('models of Google', 'generativelanguage.googleapis.com'),
} as const satisfies Record<string, Preset>;

export type PresetName = keyof typeof presets;
