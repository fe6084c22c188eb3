import { signedIn, signIn, signOut } from './session.js'
import { Velt } from './velt.jsx'

async function enter(form) {
  'use server'
  await signIn(form.get('userId'))
}

async function leave() {
  'use server'
  await signOut()
}

export default async function Page() {
  const user = await signedIn()
  return (
    <main>
      <h1>velt-auth with Next.js</h1>
      {user ? (
        <form action={leave}>
          <p>{user.userId} is signed in to your site.</p>
          <button type="submit">Sign out</button>
          <Velt apiKey={process.env.VELT_API_KEY} cdnHost={process.env.VELT_CDN} user={user} />
        </form>
      ) : (
        <form action={enter}>
          <p>This is your own site. Sign in, and the Velt SDK gets a token from your server:</p>
          <button type="submit" name="userId" value="ada">
            Sign in as Ada
          </button>{' '}
          <button type="submit" name="userId" value="bob">
            Sign in as Bob
          </button>
        </form>
      )}
    </main>
  )
}
