import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import { withLock } from '../../training/lock'
import { describe } from '../harness'
import { temporary } from './cli/run-cli'

const name = 'at-work.lock'
const done = () => Promise.resolve(E.right('done'))
const heldBy = (pid: number): string => {
  const folder = temporary()
  writeFileSync(join(folder, name), `${pid}\n`)
  return folder
}

describe('training/lock', (test) => {
  test('lies in the folder while the work lasts, and no longer, even if that throws', async () => {
    const folder = join(temporary(), 'deep', 'folder')
    const seen = await withLock(folder, name, () => Promise.resolve(E.right(readdirSync(folder))))()
    assert.equal(seen, E.right([name]))
    const thrown = withLock(folder, name, () => Promise.reject(new Error('in the midst')))()
    const error: unknown = await thrown.catch((e: unknown) => e)
    assert.match(String(error), /in the midst/)
    assert.equal(readdirSync(folder), [])
  })

  test('of a process that lives: refused by its number, and stays', async () => {
    const folder = heldBy(process.ppid)
    const refused = await withLock(folder, name, done)()
    assert.ok(E.isLeft(refused) && refused.left._tag === 'BadInput')
    assert.is(refused.left.got, `one of process ${process.ppid}`)
    assert.match(refused.left.help!, /wait for it, give another --out, or remove .*at-work\.lock/)
    assert.is(readFileSync(join(folder, name), 'utf8'), `${process.ppid}\n`)
  })

  test('of a process that is gone: taken over', async () => {
    const folder = heldBy(spawnSync(process.execPath, ['-e', '']).pid)
    assert.equal(await withLock(folder, name, done)(), E.right('done'))
    assert.not.ok(existsSync(join(folder, name)))
  })

  test('of a process that was killed, whose parent has not asked for it: taken over', async () => {
    if (process.platform !== 'linux') return
    // The shell's child ends when what the shell has become waits for nobody.
    const parent = spawn('sh', ['-c', 'sleep 0.05 & echo $!; exec sleep 30'])
    const [said] = (await once(parent.stdout, 'data')) as [Buffer]
    const pid = Number(said.toString())
    while (!/\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))) await new Promise((then) => setTimeout(then, 20))
    assert.equal(await withLock(heldBy(pid), name, done)(), E.right('done'))
    parent.kill('SIGKILL')
  })
})
