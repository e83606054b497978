const maxSlugLength = 40;

/** Returns the branch for a task's work. The same task always gets the same one. */
export function featureBranchName(title: string, taskId: string): string {
  const slug = title
    .slice(0, 200)
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/\p{M}/gu, '')
    .replaceAll('ß', 'ss')
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, maxSlugLength)
    .replaceAll(/^-|-$/g, '');
  return `plan42/${slug === '' ? '' : `${slug}-`}${taskId.slice(0, 8)}`;
}
