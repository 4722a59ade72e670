import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Plugin } from 'vite';

const TEXT = new Set(['.html', '.js', '.css', '.svg', '.json', '.md', '.webmanifest']);
/** Below this many bytes the headers cost more than compression saves. */
const SMALLEST_BYTES = 600;

/** Writes `x.gz` beside every text file of the build, so that the server never compresses an asset. */
export function compress(): Plugin {
  let outDir = '';
  return {
    name: 'compress',
    apply: 'build',
    configResolved(config) {
      outDir = join(config.root, config.build.outDir);
    },
    closeBundle: () => compressDir(outDir),
  };
}

function compressDir(dir: string): void {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) {
      compressDir(path);
    } else if (TEXT.has(extname(entry.name))) {
      compressFile(path);
    }
  }
}

function compressFile(path: string): void {
  const bytes = readFileSync(path);
  if (bytes.length < SMALLEST_BYTES) return;
  writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
}
