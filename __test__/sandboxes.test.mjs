// Test runners such as Jest load the package again for each test file, in a new realm of the same
// process. A reference that the addon keeps to such a realm would be a memory leak.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import vm from 'node:vm'
import { CHECKOUT } from './support/processes.mjs'

setFlagsFromString('--expose-gc')
const gc = vm.runInNewContext('gc')

/** Loads a file of the package, and the files that it requires, into `context`. */
function load(path, context, loaded = new Map()) {
  const module = { exports: {} }
  loaded.set(path, module)
  const outside = createRequire(path)
  const require = (name) => {
    const file = outside.resolve(name)
    if (!name.startsWith('.') || !file.endsWith('.js')) return outside(name)
    return loaded.get(file)?.exports ?? load(file, context, loaded)
  }
  const parameters = ['module', 'exports', 'require', '__dirname']
  const source = readFileSync(path, 'utf8')
  const run = vm.compileFunction(source, parameters, { parsingContext: context })
  run(module, module.exports, require, dirname(path))
  return module.exports
}

async function useOnce() {
  const context = vm.createContext({ process, Buffer })
  const { VeltAuthClient } = load(join(CHECKOUT, 'lib', 'client.js'), context)
  const client = new VeltAuthClient({
    apiKey: 'k',
    authToken: 'a',
    baseUrl: 'http://127.0.0.1:1',
    maxAttempts: 1,
  })
  await assert.rejects(client.generateToken('ada'), { code: 'ERR_VELT_NETWORK' })
  return new WeakRef(context)
}

test('a realm that has used the package is garbage-collected', { timeout: 30_000 }, async () => {
  const realms = [await useOnce(), await useOnce()]
  do {
    // `deref()` keeps its target alive until the end of the turn, so `gc()` runs in another turn.
    await setTimeout(20)
    gc()
    await setTimeout(0)
  } while (realms.some((realm) => realm.deref()))
})
