import { defineConfig } from 'tsup'

const library = {
  index: 'training/emend.ts',
  core: 'core/index.ts',
  autodiff: 'autodiff/index.ts',
  kernels: 'kernels/index.ts',
  models: 'models/index.ts',
  training: 'training/index.ts',
  spec: 'spec/kit/index.ts',
}

const shared = {
  target: 'node20' as const,
  // fp-ts and io-ts have no `exports` map: a native ESM import of their subpaths fails, so they are bundled.
  noExternal: ['fp-ts', 'io-ts'],
  external: ['gpu.js', 'webgpu', 'fast-check', 'uvu', 'uplot', 'koffi'],
  sourcemap: false,
  // import.meta.url in the CJS build
  shims: true,
}

export default defineConfig([
  // One graph with shared chunks, the command line included, so that an Expr is an Expr to every part and to users' modules.
  {
    ...shared,
    entry: { ...library, cli: 'training/cli/bin.ts', 'encode-worker': 'training/data/shards/encode-worker.ts' },
    format: ['esm'],
    dts: { entry: library },
    splitting: true,
  },
  { ...shared, entry: library, format: ['cjs'], dts: { entry: library }, splitting: true },
])
