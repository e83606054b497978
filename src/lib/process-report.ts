/** Returns how many files and connections this process may have open at once; undefined if it is not limited or unknown. */
export function openFilesLimit(): number | undefined {
  // Node.js's types lack the property.
  const report: NodeJS.ProcessReport & { excludeNetwork?: boolean } = process.report;
  // Otherwise the report looks up host names.
  report.excludeNetwork = true;
  const { userLimits } = report.getReport() as { userLimits?: { open_files?: { soft?: unknown } } };
  const limit = userLimits?.open_files?.soft;
  return typeof limit === 'number' ? limit : undefined;
}
