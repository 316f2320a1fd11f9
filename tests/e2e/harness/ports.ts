import { createServer } from 'node:net';

// Below those that a system gives to whoever connects or asks for any port (from 32768 on Linux):
// what is free here stays free until its server takes it.
const FIRST = 20_000;
const LAST = 32_000;

/** A port at which nobody listens. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
