/** Returns how many files and connections this process may have open at once; undefined if it is not limited or unknown. */
export function openFilesLimit(): number | undefined {
  const limit = readReport().userLimits?.open_files?.soft;
  return typeof limit === 'number' ? limit : undefined;
}

/** Returns the paths of the shared libraries that this process has loaded. */
export function loadedLibraries(): readonly string[] {
  return readReport().sharedObjects ?? [];
}

interface Report {
  userLimits?: { open_files?: { soft?: unknown } };
  sharedObjects?: readonly string[];
}

function readReport(): Report {
  // Node.js's types lack the property.
  const report: NodeJS.ProcessReport & { excludeNetwork?: boolean } = process.report;
  // Otherwise the report looks up the host names of all connections.
  report.excludeNetwork = true;
  return report.getReport();
}
