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
  external: ['gpu.js', 'webgpu', 'fast-check', 'uvu', 'uplot'],
  sourcemap: false,
  treeshake: true,
}

export default defineConfig([
  // One graph with shared chunks, so that an Expr made by emend/core is an Expr to emend/autodiff.
  { ...shared, entry: library, format: ['esm', 'cjs'], dts: true, splitting: true, clean: true },
  { ...shared, entry: { cli: 'training/cli/bin.ts' }, format: ['esm'], splitting: false },
])
