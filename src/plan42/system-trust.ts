/** A dispatcher that trusts the system's certificate authorities too, and reads them only when it needs them. */
import { Dispatcher } from 'undici';
import { untrustedCodes } from '../lib/authorities.ts';
import { errorCode } from '../lib/errors.ts';

export type Trust = 'usual' | 'system';

/**
 * Sends requests with the usual authorities. The first certificate that these do not cover makes it read the system's, and
 * send this request and all later ones with both. So a server with a public certificate, or none, costs no time.
 */
export class SystemTrustDispatcher extends Dispatcher {
  readonly #create: (trust: Trust) => Dispatcher;
  readonly #created: Partial<Record<Trust, Dispatcher>> = {};
  #trust: Trust = 'usual';

  /** @param create called at most once for each trust; the dispatchers are closed with this one */
  constructor(create: (trust: Trust) => Dispatcher) {
    super();
    this.#create = create;
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    if (this.#trust === 'system' || !mayBeSentAgain(options.body)) return this.#current.dispatch(options, handler);
    return this.#current.dispatch(options, {
      onRequestStart: (controller, context) => handler.onRequestStart?.(controller, context),
      onRequestUpgrade: (controller, ...response) => handler.onRequestUpgrade?.(controller, ...response),
      onResponseStart: (controller, ...response) => handler.onResponseStart?.(controller, ...response),
      onResponseData: (controller, chunk) => handler.onResponseData?.(controller, chunk),
      onResponseEnd: (controller, trailers) => handler.onResponseEnd?.(controller, trailers),
      onResponseError: (controller, error) => {
        // A handshake that failed has sent nothing.
        if (!untrustedCodes.test(errorCode(error) ?? '')) return handler.onResponseError?.(controller, error);
        this.#trust = 'system';
        this.#current.dispatch(options, handler);
      },
    });
  }

  get #current(): Dispatcher {
    const known = this.#created[this.#trust];
    if (known !== undefined) return known;
    const created = this.#create(this.#trust);
    this.#created[this.#trust] = created;
    return created;
  }

  override async close(): Promise<void> {
    await this.#created.usual?.close();
    // Its last requests may have gone to the other one.
    await this.#created.system?.close();
  }

  override async destroy(): Promise<void> {
    await Promise.all(Object.values(this.#created).map((each) => each.destroy()));
  }
}

function mayBeSentAgain(body: Dispatcher.DispatchOptions['body']): boolean {
  return body === undefined || body === null || typeof body === 'string' || body instanceof Uint8Array;
}
