// The page /share. Velt's React package gets its token from velt-auth/browser, and asks the permission
// provider of this server for access to the document.

import { useSetDocuments, useVeltEventCallback, VeltProvider } from '@veltdev/react'
import { useCallback, useEffect, useMemo, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { createAuthProvider } from 'velt-auth/browser'

const NAMES = { ada: 'Ada', bob: 'Bob' }
const SHARE_MS = 60_000

const { user, apiKey, emulated } = await (await fetch('/me')).json()

/** Access changes often here, so Velt's SDK must not use an old answer. */
const permissionProvider = {
  forceRefresh: true,
  // Velt's servers cannot reach localhost. For development keys, the browser asks instead.
  ...(emulated && {
    dev: true,
    endpointConfig: { url: `${location.origin}/api/share/permissions` },
  }),
}

/** What this server says about the document, once a second. `undefined` until the first answer. */
function useShare() {
  const [share, setShare] = useState()
  const load = useCallback(async () => setShare(await (await fetch('/api/share')).json()), [])
  useEffect(() => {
    load()
    const timer = setInterval(load, 1000)
    return () => clearInterval(timer)
  }, [load])
  return [share, load]
}

/** What Velt's SDK last got from the permission provider for the document. */
function useAnswerToVelt() {
  const [answer, setAnswer] = useState()
  const event = useVeltEventCallback('permissionProvider')
  useEffect(() => {
    const results = event?.event === 'resourceAccessResult' ? event.payload.result.data : []
    const about = results.find(({ type }) => type === 'document')
    if (about) setAnswer(about)
  }, [event])
  return answer
}

function App() {
  const authProvider = useMemo(() => {
    const { userId, organizationId, email } = user
    return createAuthProvider({ user: { userId, organizationId, email } })
  }, [])
  const config = useMemo(() => (emulated ? { proxyDomain: location.origin } : {}), [])
  return (
    <VeltProvider {...{ apiKey, authProvider, permissionProvider, config }}>
      <Page />
    </VeltProvider>
  )
}

function Page() {
  const [share, reload] = useShare()
  const { setDocuments } = useSetDocuments()
  const isLoaded = share !== undefined
  const end = share?.endsAt
  // When the access changes, Velt's SDK asks again.
  useEffect(() => {
    if (isLoaded) setDocuments([{ id: 'plan', metadata: { documentName: 'Launch plan', end } }])
  }, [setDocuments, isLoaded, end])
  if (!isLoaded) return null
  return (
    <main>
      {share.role ? <Document text={share.text} /> : <Locked />}
      <aside>
        {user.userId === 'ada' ? (
          <People bob={share.bob} reload={reload} />
        ) : (
          <OwnAccess {...share} />
        )}
        <VeltSays />
      </aside>
    </main>
  )
}

function Document({ text }) {
  return (
    <article className="card" data-document="open">
      <h1>Launch plan</h1>
      {text.map((paragraph) => (
        <p key={paragraph}>{paragraph}</p>
      ))}
    </article>
  )
}

function Locked() {
  return (
    <article className="card locked" data-document="locked">
      <svg width="44" height="44" viewBox="0 0 24 24" fill="currentColor" aria-hidden="true">
        <path d="M7 10V7a5 5 0 0 1 10 0v3h1a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1H6a1 1 0 0 1-1-1v-9a1 1 0 0 1 1-1zm2 0h6V7a3 3 0 0 0-6 0z" />
      </svg>
      <h1>You have no access to this document</h1>
      <p className="muted">Ask Ada to share it with you.</p>
    </article>
  )
}

function People({ bob, reload }) {
  const change = async (method) => {
    await fetch('/api/share', { method })
    await reload()
  }
  return (
    <section className="card">
      <h2>People with access</h2>
      <Person id="ada" access="editor" />
      <Person id="bob" access={bob?.role} />
      {bob ? (
        <>
          <TimeLeft endsAt={bob.endsAt} />
          <button type="button" id="remove" onClick={() => change('DELETE')}>
            Take the access away
          </button>
        </>
      ) : (
        <button type="button" className="main" id="share" onClick={() => change('POST')}>
          Share with Bob for a minute
        </button>
      )}
    </section>
  )
}

function OwnAccess({ role, endsAt }) {
  return (
    <section className="card">
      <h2>Your access</h2>
      <Person id={user.userId} access={role} />
      {endsAt && <TimeLeft endsAt={endsAt} />}
    </section>
  )
}

function Person({ id, access }) {
  return (
    <div className="person">
      <span className="avatar">{NAMES[id][0]}</span>
      <span>{NAMES[id]}</span>
      <span className="badge" id={`access-${id}`} data-role={access}>
        {access ?? 'no access'}
      </span>
    </div>
  )
}

function TimeLeft({ endsAt }) {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 200)
    return () => clearInterval(timer)
  }, [])
  const left = Math.max(0, endsAt - now)
  return (
    <div className="time" style={{ '--left': `${(100 * left) / SHARE_MS}%` }}>
      <div />
      <span id="left">{Math.ceil(left / 1000)} seconds left</span>
    </div>
  )
}

/** The answer that Velt's SDK got. */
function VeltSays() {
  const answer = useAnswerToVelt()
  if (!answer) return null
  return (
    <section className="card" id="velt" data-access={answer.hasAccess}>
      <h2>Velt’s SDK asked your server</h2>
      <div className="person">
        <span className="muted">document</span>
        <span>{answer.resourceId}</span>
        <span className="badge" data-role={answer.accessRole}>
          {answer.accessRole ?? 'no access'}
        </span>
      </div>
      {answer.expiresAt && (
        <p className="muted">until {new Date(answer.expiresAt).toLocaleTimeString()}</p>
      )}
    </section>
  )
}

function Header() {
  const signIn = async (id) => {
    await fetch(`/sign-in/${id}`, { method: 'POST' })
    location.reload()
  }
  return (
    <header>
      <strong>Acme Docs</strong>
      {user && <span className="avatar">{NAMES[user.userId][0]}</span>}
      {user && <span>{NAMES[user.userId]}</span>}
      {Object.keys(NAMES)
        .filter((id) => id !== user?.userId)
        .map((id) => (
          <button type="button" key={id} id={`sign-in-${id}`} onClick={() => signIn(id)}>
            Sign in as {NAMES[id]}
          </button>
        ))}
    </header>
  )
}

createRoot(document.getElementById('root')).render(
  <>
    <Header />
    {user && <App />}
  </>,
)
