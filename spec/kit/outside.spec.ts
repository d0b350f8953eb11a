import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { describe } from '../harness'
import { runOutside, type OutsideRun } from './outside'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

let done: OutsideRun | undefined
const run = (): OutsideRun => (done ??= runOutside(root, join(root, 'spec', 'example')))

/** What is printed of one check, without its blank line. */
const story = (name: string): string => {
  const found = run()
    .stdout.split('\n\n')
    .find((part) => part.startsWith(`${name} `) || part === `ok: ${name}`)
  if (found === undefined) throw new Error(`nothing about ${name} in:\n${run().stdout}\n${run().stderr}`)
  return found
}

/** The shape of x in the shrunk counterexample. */
const shapeIn = (text: string): readonly number[] =>
  /^ +x +f32\[([\d,]*)\] = /m
    .exec(text)![1]!
    .split(',')
    .filter((n) => n !== '')
    .map(Number)

describe('emend/spec from outside, as built', (test) => {
  test('right rules pass: a customVjp and an op of defineOp', () => {
    assert.is(story('swish'), 'ok: swish')
    assert.is(story('runningSum'), 'ok: runningSum')
  })

  test('a wrong vjp of a customVjp is found, named and shrunk to one number', () => {
    const text = story('wrongSwish')
    assert.match(text, /^wrongSwish breaks the law of finite differences: /)
    assert.equal(shapeIn(text), [1, 1])
    assert.match(
      text,
      /\n {2}replay +checkGradients\(f, inputs, \{ seed: 2021, path: '[\d:]+', laws: \['finiteDifferences'\] \}\)$/,
    )
  })

  test('a wrong vjp of an op of defineOp is found, named and shrunk to two numbers', () => {
    const text = story('wrongRunningSum')
    assert.match(text, /^wrongRunningSum breaks the law of finite differences: /)
    assert.equal(shapeIn(text), [1, 2]) // a row of one has no running
    assert.match(text, /\n {2}got +\S+\n {2}want +\S+\n {2}error +\S+, allowed /)
  })

  test('it fails as a test should: exit code 1, nothing on stderr', () => {
    assert.is(run().status, 1)
    assert.is(run().stderr, '')
  })

  test('docs/gradients.md shows this output', () => {
    const doc = readFileSync(join(root, 'docs', 'gradients.md'), 'utf8')
    assert.ok(doc.includes(story('wrongSwish')), `the document should show:\n${story('wrongSwish')}`)
  })
})
