/** The texts that the web page consists of. */
export interface PageSources {
  markup: string;
  script: string;
  style: string;
  icon: string;
}

/** The page, bundled now. In a bundle of the server, where there is no compiler, this function is one that has it inside. */
export async function loadPage(): Promise<PageSources> {
  const { bundlePage } = await import('../../../scripts/build/page.ts');
  return bundlePage();
}
