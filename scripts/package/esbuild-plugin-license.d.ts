// The package has types, but its "exports" don't lead to them.
declare module 'esbuild-plugin-license' {
  import type { Plugin } from 'esbuild';

  interface Dependency {
    packageJson: { name?: string; version?: string; license?: string };
    licenseText: string;
  }

  interface Options {
    banner?: string;
    thirdParty?: { output?: { file?: string; template?: (dependencies: readonly Dependency[]) => string } };
  }

  export default function licensePlugin(options?: Options): Plugin;
}
