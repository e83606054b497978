const moduleName = /(?<=\b(?:__esm|__commonJS)\(\{(?:async)?)"[^"]+"(?=\()/g;

/**
 * Takes the path of each module's source out of what esbuild has bundled. It only serves profilers, and `minifyIdentifiers`,
 * which leaves it out too, would take the names of classes with it.
 */
export function withoutModuleNames(bundle: string): string {
  return bundle.replaceAll(moduleName, '""');
}
