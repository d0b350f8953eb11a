import tseslint from 'typescript-eslint'

const castMessage = 'Casts through unknown belong in core/op.ts and kernels/devices only.'

export default tseslint.config(
  { ignores: ['dist', 'node_modules', 'runs', '.scratch', 'spec/example', '**/*.mjs', 'tsup.config.ts'] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off', // over typed arrays and lists whose length is known
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-unused-expressions': 'error',
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-unnecessary-condition': 'off', // noUncheckedIndexedAccess and literal tables
      '@typescript-eslint/no-invalid-void-type': 'off', // a tree walk for its effect
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/unified-signatures': 'off',
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      '@typescript-eslint/consistent-type-imports': 'error',
      'no-restricted-properties': ['error', { object: 'Math', property: 'random', message: 'Randomness is a Key.' }],
      'no-restricted-syntax': [
        'error',
        { selector: 'TSAsExpression > TSAsExpression > TSUnknownKeyword', message: castMessage },
      ],
    },
  },
  { files: ['core/op.ts', 'kernels/devices/**/*.ts'], rules: { 'no-restricted-syntax': 'off' } },
)
