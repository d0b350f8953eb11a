import type { Atom, Axis, DType, Index, Scalar, UnaryFn } from '../../../core'
import type { KernelInput } from '../../kernel'
import { call, f32, f32x4, get, i32, i32x4, select, set, v128, type Code } from './instructions'
import { fromBf16, fromF16, toBf16, toF16 } from './half'
import type { Dependence, Facts } from './levels'
import { elementBytes, loadOne, loadVector } from './memory'
import { erf, exp, log, tanh } from './math'
import type { FunctionBuilder } from './module'
import { binarySingle, binaryVector, unarySingle } from './operators'
import { threefry } from './threefry'

/** What all loops of one kernel share. */
export interface KernelScope {
  readonly f: FunctionBuilder
  readonly inputs: readonly KernelInput[]
  /** Locals of the input pointers, by slot. */
  readonly pointers: readonly number[]
  /** Locals of the axes, in elements. */
  readonly axes: ReadonlyMap<string, number>
  readonly vector: Axis | undefined
  readonly depends: Dependence
  /** Indices of the imported functions that no instruction stands for. */
  readonly imports: { readonly sin: number; readonly cos: number }
}

/** A value in a local: four lanes, or one integer that all lanes share. */
interface Kept {
  readonly code: Code
  readonly isVector: boolean
}

/**
 * Writes the code of scalars and indices, each once and as far out in the loops as it is known. Reals and truth values are
 * vectors (masks of ones); integers that all lanes share stay single, as addresses need them.
 */
export class Values {
  private readonly kept = new Map<string, Kept>()
  /** Code by depth: what is not before `from` goes to the outer writer. */
  readonly code = new Map<number, Code[]>()
  /** Code that needs the finished reduction. */
  readonly after: Code[] = []

  constructor(
    private readonly scope: KernelScope,
    private readonly from: number,
    private readonly outer: Values | null,
    /** Lane 0 stands this many elements after the vector axis. */
    private readonly shift = 0,
    /** The writer of lanes before these in the same loop: it keeps what all lanes share. */
    private readonly before: Values | null = null,
  ) {}
  private acc?: Kept

  at(level: number): readonly Code[] {
    return this.code.get(level) ?? []
  }

  setAcc(code: Code, isVector: boolean): void {
    this.acc = { code, isVector }
  }

  /** Four lanes of a scalar: f32, i32, or a mask for bool. */
  vector(s: Scalar): Code {
    const v = this.value(s)
    return v.isVector ? v.code : i32x4.splat(v.code)
  }

  /** An integer that all lanes share. */
  single(s: Scalar): Code {
    const v = this.value(s)
    return v.isVector ? i32x4.extract(0, v.code) : v.code
  }

  private value(s: Scalar): Kept {
    if (s.tag === 'const') return constantOf(s)
    if (s.tag === 'acc') return this.acc!
    return this.keep(s.key, this.scope.depends.scalar(s), (facts) => this.compute(s, facts))
  }

  /** Computes what has no local yet and gives it one, where its facts say. */
  private keep(key: string, facts: Facts, make: (facts: Facts) => Kept): Kept {
    if (facts.level < this.from && this.outer !== null) return this.outer.keep(key, facts, make)
    if (!facts.varies && this.before !== null) return this.before.keep(key, facts, make)
    const known = this.kept.get(key)
    if (known !== undefined) return known
    const made = make(facts)
    const local = this.scope.f.local(made.isVector ? 'v128' : 'i32')
    this.write(facts, set(local, made.code))
    const kept = { code: get(local), isVector: made.isVector }
    this.kept.set(key, kept)
    return kept
  }

  private write(facts: Facts, code: Code): void {
    if (facts.afterReduction) this.after.push(code)
    else {
      const list = this.code.get(facts.level)
      if (list === undefined) this.code.set(facts.level, [code])
      else list.push(code)
    }
  }

  private compute(s: Scalar, facts: Facts): Kept {
    const f = this.scope.f
    const vector = (code: Code): Kept => ({ code, isVector: true })
    const single = (code: Code): Kept => ({ code, isVector: false })
    switch (s.tag) {
      case 'const':
      case 'acc':
        return this.value(s)
      case 'index':
        return facts.varies ? vector(this.lanes(s.index)) : single(this.number(s.index))
      case 'load':
        return this.load(s.slot, s.index)
      case 'select': {
        const cond = this.vector(s.cond)
        if (s.type === 'int' && !facts.varies)
          return single(select(v128.anyTrue(cond), this.single(s.x), this.single(s.y)))
        return vector(v128.choose(cond, this.vector(s.x), this.vector(s.y)))
      }
      case 'threefry':
        return vector(
          threefry(
            f,
            s.bits,
            s.args.map((a) => this.vector(a)),
          ),
        )
      case 'unary':
        return s.type === 'int' && !facts.varies && s.x.type === 'int'
          ? single(unarySingle(s.fn, this.single(s.x)))
          : s.type === 'int' && !facts.varies
            ? single(i32x4.extract(0, this.unary(s.fn, s.x)))
            : vector(this.unary(s.fn, s.x))
      case 'binary':
        if (s.x.type === 'int' && !facts.varies) {
          const [x, y] = [this.single(s.x), this.single(s.y)]
          const code = binarySingle(s.fn, x, y)
          return s.type === 'bool' ? vector(i32x4.splat(i32.sub(i32.of(0), code))) : single(code)
        }
        return vector(binaryVector(s.fn, s.x.type, this.vector(s.x), this.vector(s.y)))
    }
  }

  private unary(fn: UnaryFn, x: Scalar): Code {
    const { f, imports } = this.scope
    const v = this.vector(x)
    const type = x.type
    switch (fn) {
      case 'neg':
        return type === 'int' ? i32x4.neg(v) : f32x4.neg(v)
      case 'abs':
        return type === 'int' ? i32x4.abs(v) : f32x4.abs(v)
      case 'exp':
        return exp(f, v)
      case 'log':
        return log(f, v)
      case 'tanh':
        return tanh(f, v)
      case 'erf':
        return erf(f, v)
      case 'sqrt':
        return f32x4.sqrt(v)
      case 'sin':
      case 'cos':
        return byLane(f, v, imports[fn])
      case 'floor':
        return type === 'int' ? v : f32x4.floor(v)
      case 'sign': {
        if (type === 'int') return i32x4.sub(i32x4.lt(v, i32x4.of(0)), i32x4.gt(v, i32x4.of(0)))
        const one = v128.or(f32x4.of(1), v128.and(v, i32x4.of(-(2 ** 31))))
        return v128.choose(v128.or(f32x4.lt(v, f32x4.of(0)), f32x4.gt(v, f32x4.of(0))), one, v)
      }
      case 'not':
        return type === 'bool' ? v128.not(v) : type === 'int' ? i32x4.eq(v, i32x4.of(0)) : f32x4.eq(v, f32x4.of(0))
      case 'roundF16':
        return fromF16(f, toF16(f, v))
      case 'roundBf16':
        return fromBf16(f, toBf16(f, v))
      case 'trunc':
        return type === 'real' ? i32x4.truncSat(v) : type === 'bool' ? v128.and(v, i32x4.of(1)) : v
      case 'isTrue':
        return type === 'real' ? f32x4.ne(v, f32x4.of(0)) : type === 'int' ? i32x4.ne(v, i32x4.of(0)) : v
      case 'toNumber':
        return type === 'int' ? f32x4.ofInts(v) : type === 'bool' ? v128.and(v, f32x4.of(1)) : v
    }
  }

  // ---------------------------------------------------------------------------------------------- indices

  /** An index that all lanes share, in elements. */
  number(x: Index): Code {
    let sum: Code | null = null
    for (const { coef, atom, key } of x.terms) {
      const term = coef === 1 ? this.atomNumber(atom, key) : i32.mul(this.atomNumber(atom, key), i32.of(coef))
      sum = sum === null ? term : i32.add(sum, term)
    }
    if (sum === null) return i32.of(x.constant)
    return x.constant === 0 ? sum : i32.add(sum, i32.of(x.constant))
  }

  private atomNumber(atom: Atom, key: string): Code {
    if (atom.tag === 'axis') return get(this.scope.axes.get(atom.name)!)
    return this.keep(`@${key}`, this.scope.depends.atom(atom), () => ({
      isVector: false,
      code:
        atom.tag === 'data'
          ? clampSingle(this.scope.f, this.single(atom.value), atom.size - 1)
          : atom.tag === 'div'
            ? floorDiv(this.scope.f, this.number(atom.x), atom.by, atom.x.min >= 0)
            : floorMod(this.scope.f, this.number(atom.x), atom.by, atom.x.min >= 0),
    })).code
  }

  /** An index as lanes. */
  private lanes(x: Index): Code {
    const { depends } = this.scope
    let sum: Code | null = null
    let shared: Code | null = null
    for (const { coef, atom, key } of x.terms) {
      if (!depends.atom(atom).varies) {
        const term = coef === 1 ? this.atomNumber(atom, key) : i32.mul(this.atomNumber(atom, key), i32.of(coef))
        shared = shared === null ? term : i32.add(shared, term)
        continue
      }
      const lanes = this.atomLanes(atom, key)
      const term = coef === 1 ? lanes : i32x4.mul(lanes, i32x4.of(coef))
      sum = sum === null ? term : i32x4.add(sum, term)
    }
    if (shared !== null || sum === null) {
      const base = i32x4.splat(shared === null ? i32.of(x.constant) : i32.add(shared, i32.of(x.constant)))
      return sum === null ? base : i32x4.add(sum, base)
    }
    return x.constant === 0 ? sum : i32x4.add(sum, i32x4.of(x.constant))
  }

  private atomLanes(atom: Atom, key: string): Code {
    const { f, depends, axes } = this.scope
    return this.keep(`@lanes:${key}`, depends.atom(atom), () => {
      const s = this.shift
      if (atom.tag === 'axis')
        return {
          isVector: true,
          code: i32x4.add(i32x4.splat(get(axes.get(atom.name)!)), i32x4.lanes(s, s + 1, s + 2, s + 3)),
        }
      if (atom.tag === 'data')
        return {
          isVector: true,
          code: i32x4.min(i32x4.max(this.vector(atom.value), i32x4.of(0)), i32x4.of(atom.size - 1)),
        }
      // No vector division of integers: lane by lane.
      const x = f.local('v128')
      const step = (lane: number): Code => {
        const one = i32x4.extract(lane, get(x))
        return atom.tag === 'div'
          ? floorDiv(f, one, atom.by, atom.x.min >= 0)
          : floorMod(f, one, atom.by, atom.x.min >= 0)
      }
      let code: Code = i32x4.splat(step(0))
      for (let lane = 1; lane < 4; lane++) code = i32x4.replace(lane, code, step(lane))
      return { isVector: true, code: [set(x, this.lanes(atom.x)), code] }
    }).code
  }

  // ---------------------------------------------------------------------------------------------- memory

  private load(slot: number, index: Index): Kept {
    const { f, inputs, vector, depends } = this.scope
    const { dtype } = inputs[slot]!
    const moving = index.terms.filter((t) => depends.atom(t.atom).varies)
    if (moving.length === 0) {
      const address = this.address(slot, dtype, index)
      return dtype === 'i32'
        ? { isVector: false, code: i32.load(0, address) }
        : { isVector: true, code: loadOne(f, dtype, address) }
    }
    const [only] = moving
    if (moving.length === 1 && only!.coef === 1 && only!.atom.tag === 'axis') {
      const base = this.address(slot, dtype, { ...index, terms: index.terms.filter((t) => t !== only) })
      const bytes = elementBytes(dtype)
      const along = this.position(vector!, bytes)
      return { isVector: true, code: loadVector(f, dtype, i32.add(base, along), this.shift * bytes) }
    }
    return { isVector: true, code: this.gather(slot, dtype, index) }
  }

  /** Four elements from places of their own. Past the end of the vector axis the last place is read again. */
  private gather(slot: number, dtype: DType, index: Index): Code {
    const { f, pointers, inputs } = this.scope
    const places = f.local('v128')
    const last = inputs[slot]!.size - 1
    const inside = i32x4.min(i32x4.max(this.lanes(index), i32x4.of(0)), i32x4.of(last))
    const address = (lane: number): Code =>
      i32.add(get(pointers[slot]!), i32.mul(i32x4.extract(lane, get(places)), i32.of(elementBytes(dtype))))
    const found = f.local('v128')
    const code: Code[] = [set(places, inside)]
    for (let lane = 0; lane < 4; lane++) code.push(loadLane(dtype, found, lane, address(lane)))
    return [...code, fromBits(f, dtype, get(found))]
  }

  /** Bytes from the start of memory to an element that all lanes share, kept where it is known. */
  private address(slot: number, dtype: DType, index: Index): Code {
    const text = index.terms.map((t) => `${t.coef}*${t.key}`).join('+')
    return this.keep(`&${slot}:${text}+${index.constant}`, this.scope.depends.index(index), () => {
      const bytes = elementBytes(dtype)
      const at = this.number(index)
      const scaled = bytes === 1 ? at : i32.mul(at, i32.of(bytes))
      return { isVector: false, code: i32.add(get(this.scope.pointers[slot]!), scaled) }
    }).code
  }

  /** The vector axis in bytes. */
  private position(axis: Axis, bytes: number): Code {
    const local = get(this.scope.axes.get(axis.name)!)
    if (bytes === 1) return local
    return this.keep(`bytes:${bytes}`, this.scope.depends.atom(axis), () => ({
      isVector: false,
      code: i32.mul(local, i32.of(bytes)),
    })).code
  }
}

const constantOf = (s: Scalar & { tag: 'const' }): Kept =>
  s.type === 'int'
    ? { code: i32.of(s.value), isVector: false }
    : { code: s.type === 'bool' ? i32x4.of(s.value === 0 ? 0 : -1) : f32x4.of(s.value), isVector: true }

const byLane = (f: FunctionBuilder, v: Code, fn: number): Code => {
  const x = f.local('v128')
  const at = (lane: number): Code => f32.demote(call(fn, f32.promote(f32x4.extract(lane, get(x)))))
  let code: Code = f32x4.splat(at(0))
  for (let lane = 1; lane < 4; lane++) code = f32x4.replace(lane, code, at(lane))
  return [set(x, v), code]
}

const loadLane = (dtype: DType, into: number, lane: number, address: Code): Code => {
  if (dtype === 'f32' || dtype === 'i32') return set(into, v128.load32Lane(lane, 0, address, get(into)))
  const bits = dtype === 'bool' ? i32.load8(0, address) : i32.load16(0, address)
  return set(into, i32x4.replace(lane, get(into), bits))
}
const fromBits = (f: FunctionBuilder, dtype: DType, v: Code): Code =>
  dtype === 'bool' ? i32x4.ne(v, i32x4.of(0)) : dtype === 'f16' ? fromF16(f, v) : dtype === 'bf16' ? fromBf16(f, v) : v

const clampSingle = (f: FunctionBuilder, x: Code, most: number): Code => {
  const v = f.local('i32')
  const low = select(i32.lt(get(v), i32.of(0)), i32.of(0), get(v))
  return [set(v, x), select(i32.gt(get(v), i32.of(most)), i32.of(most), low)]
}
const floorDiv = (f: FunctionBuilder, x: Code, by: number, positive: boolean): Code => {
  if (positive) return i32.div(x, i32.of(by))
  const v = f.local('i32')
  return [set(v, x), i32.div(i32.sub(get(v), floorMod(f, get(v), by, false)), i32.of(by))]
}
const floorMod = (f: FunctionBuilder, x: Code, by: number, positive: boolean): Code => {
  if (positive) return i32.rem(x, i32.of(by))
  const r = f.local('i32')
  return [set(r, i32.rem(x, i32.of(by))), select(i32.lt(get(r), i32.of(0)), i32.add(get(r), i32.of(by)), get(r))]
}
