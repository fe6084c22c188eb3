// Copies of the package's sources, laid out as `npm install` would.

import { existsSync } from 'node:fs'
import { cp, mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url))

const PARTS = ['index.js', 'package.json', 'lib']

/** Puts the JavaScript of the package into `folder`, as its node_modules/velt-auth. */
export async function copyPackage(folder) {
  const target = join(folder, 'node_modules', 'velt-auth')
  for (const part of PARTS) await cp(join(CHECKOUT, part), join(target, part), { recursive: true })
  return target
}

/** The same, with the addon of this checkout. */
export async function copyPackageWithAddon(folder) {
  const target = await copyPackage(folder)
  const addons = (await readdir(CHECKOUT)).filter((file) => file.endsWith('.node'))
  for (const addon of addons) await cp(join(CHECKOUT, addon), join(target, addon))
  return target
}

/** A platform package with `addon` as its binary. */
export async function fakePlatformPackage(folder, name, addon = '') {
  const target = join(folder, 'node_modules', name)
  if (existsSync(target)) throw new Error(`${name} is there`)
  await mkdir(target, { recursive: true })
  await writeFile(join(target, 'package.json'), JSON.stringify({ name, main: 'a.node' }))
  await writeFile(join(target, 'a.node'), addon)
}
