import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';
import { compress } from './build/compress.ts';

/** Where `npm run dev` finds a server that speaks the Prometheus HTTP API. */
const backend = process.env.BONGSU_URL ?? 'http://127.0.0.1:9009';
const proxy = { '/api': backend, '/-/': backend, '/metrics': backend };

export default defineConfig({
  // Every address is relative to <base href>, which the server sets when it runs under a path prefix.
  base: './',
  plugins: [svelte(), compress()],
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    license: { fileName: 'licenses.md' },
  },
  server: { proxy },
  preview: { proxy },
  test: { include: ['src/**/*.test.ts'] },
});
