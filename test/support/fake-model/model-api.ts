import type { ServerResponse } from 'node:http';
import type { SeenRequest } from '../http-server.ts';

/** The next step of the model: a call of a tool, or its last message. */
export type Move = { tool: string; args: Record<string, unknown> } | { text: string };

export interface ToolDefinition {
  name: string;
  schema: { properties?: Record<string, { type?: unknown }>; required?: string[] };
}

/** The part of a request that decides about the move. */
export interface ModelRequest {
  model: string;
  tools: ToolDefinition[];
  /** The results of tools that the conversation contains. */
  results: number;
  /** Everything that the model is sent, to look for texts. */
  body: string;
  path: string;
  headers: SeenRequest['headers'];
}

/** One provider's API. */
export interface ModelApi {
  matches(path: string): boolean;
  read(path: string, body: Record<string, unknown>): Pick<ModelRequest, 'model' | 'tools' | 'results'>;
  send(response: ServerResponse, move: Move, request: Pick<ModelRequest, 'model' | 'body'>): void;
}

/** Sends a stream of server-sent events. */
export function sendEvents(response: ServerResponse, events: readonly { event?: string; data: unknown }[]): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  for (const { event, data } of events) {
    if (event !== undefined) response.write(`event: ${event}\n`);
    response.write(`data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`);
  }
  response.end();
}

/** The pieces in which a model sends a text. */
export function pieces(text: string): string[] {
  return text.match(/[\s\S]{1,7}/g) ?? [];
}
