import type { ComponentChildren } from 'preact';
import type { ShownLink } from '../shown-text.ts';

/** A link that an agent wrote, followed by its host. Only text if it must not be followed. */
export function ExternalLink(props: { link: ShownLink | undefined; showHost?: boolean; children: ComponentChildren }) {
  const { link, showHost = true, children } = props;
  return (
    <>
      {link?.href ? (
        <a href={link.href} rel="noreferrer noopener" target="_blank">
          {children}
        </a>
      ) : (
        children
      )}
      {link && showHost ? <span class="quiet"> on {link.host}</span> : null}
    </>
  );
}
