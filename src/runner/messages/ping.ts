import type { Handler } from './handler.ts';

export const handlePing: Handler = async () => ({ Type: 'PingResponse' });
