// Copies of the package's sources, in the layout of `npm install`.

import { existsSync } from 'node:fs'
import { cp, mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url))

const PARTS = ['index.js', 'package.json', 'lib']

/** Copies the JavaScript of the package to node_modules/velt-auth in `folder`. */
export async function copyPackage(folder) {
  const target = join(folder, 'node_modules', 'velt-auth')
  for (const part of PARTS) await cp(join(CHECKOUT, part), join(target, part), { recursive: true })
  return target
}

/** Copies the JavaScript of the package and the addon of this checkout. */
export async function copyPackageWithAddon(folder) {
  const target = await copyPackage(folder)
  const addons = (await readdir(CHECKOUT)).filter((file) => file.endsWith('.node'))
  for (const addon of addons) await cp(join(CHECKOUT, addon), join(target, addon))
  return target
}

/** Writes a platform package whose binary has the content `addon`. */
export async function fakePlatformPackage(folder, name, addon = '') {
  const target = join(folder, 'node_modules', name)
  if (existsSync(target)) throw new Error(`${name} already exists`)
  await mkdir(target, { recursive: true })
  await writeFile(join(target, 'package.json'), JSON.stringify({ name, main: 'a.node' }))
  await writeFile(join(target, 'a.node'), addon)
}
