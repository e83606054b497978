export const keyFileName = 'secrets.key';
