/** The files of the web page. */
export interface PageSources {
  markup: string;
  script: string;
  style: string;
  icon: string;
}

/** Bundles the page now. The build replaces this function by one that returns the bundled page. */
export async function loadPage(): Promise<PageSources> {
  const { bundlePage } = await import('../../../scripts/build/page.ts');
  return bundlePage();
}
