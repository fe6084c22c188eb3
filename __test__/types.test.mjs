// The public types in a project with strict options and as few other packages as possible.

import { cp, mkdir, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { copyPackage } from './support/copies.mjs'
import { CHECKOUT, run, temporaryFolder } from './support/processes.mjs'

const require = createRequire(import.meta.url)
const TSC = join(dirname(require.resolve('typescript/package.json')), 'bin/tsc')
const OPTIONS = '--strict --exactOptionalPropertyTypes --skipLibCheck false --noEmit --ignoreConfig'

/** Compiles `source` in a folder where only velt-auth and `packages` are installed. */
async function compile(t, source, options, packages = []) {
  const folder = await temporaryFolder(t)
  const installed = await copyPackage(folder)
  await cp(join(CHECKOUT, 'index.d.ts'), join(installed, 'index.d.ts'))
  for (const name of packages) {
    const target = join(folder, 'node_modules', name)
    await mkdir(dirname(target), { recursive: true })
    await symlink(join(CHECKOUT, 'node_modules', name), target)
  }
  await cp(join(CHECKOUT, '__test__/types/consumer', source), join(folder, source))
  const args = [TSC, ...OPTIONS.split(' '), ...options.split(' '), source]
  try {
    await run(process.execPath, args, { cwd: folder })
  } catch (error) {
    throw new Error(error.stdout, { cause: error })
  }
}

test('velt-auth/browser compiles without other packages', async (t) => {
  const options = '--module esnext --moduleResolution bundler --target es2022 --lib es2022,dom'
  await compile(t, 'browser.ts', options)
})

test('the server part compiles with @types/node alone', async (t) => {
  await compile(t, 'server.mts', '--module nodenext --target es2022 --types node', ['@types/node'])
})
