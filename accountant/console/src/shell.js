// The page around the screens: who is logged in, the sidebar, the screen that the
// path names.
// SPDX-License-Identifier: Apache-2.0
import { classes, html, useEffect, useState } from './dom.js';
import { ApiError, api } from './api.js';
import { LANGUAGES, language, loadTexts, locale, t, tWord } from './i18n.js';
import { match, navigate, to, useRoute } from './router.js';
import { GROUPS, screens } from './screens.js';
import { Login } from './screens/login.js';
import { may, prefer, session, toastError, usePreferences, useSession } from './state.js';
import { Button, Confirmation, Empty, Failure, Icon, IconButton, Menu, Page, Toasts } from './ui/index.js';

// A login link (aigwctl console) has its code in the fragment, which browsers keep
// to themselves. It works once, and goes from the address first.
async function useLink() {
    const code = /^#login=([\w-]+)$/.exec(location.hash)?.[1];
    if (!code) return;
    history.replaceState(null, '', location.pathname + location.search);
    session.set(await api.post('/session', { code }));
}

async function whoAmI() {
    try {
        await useLink();
    } catch (error) {
        toastError(error);
    }
    try {
        const answer = await api.get('/session');
        session.set(answer.session ? answer : null);
        return null;
    } catch (error) {
        if (error instanceof ApiError && (error.status === 401 || error.code === 'management_disabled')) {
            session.set(null);
            return null;
        }
        return error;
    }
}

async function logOut() {
    try {
        await api.delete('/session');
    } catch (error) {
        if (error.status !== 401) return toastError(error);
    }
    session.set(null);
    return navigate(to('/'));
}

async function speak(key) {
    try {
        await loadTexts(key);
        prefer({ language: key });
    } catch {
        toastError(new Error(t('common.unreachable')));
    }
}

function Preferences({ up }) {
    const { theme } = usePreferences();
    const choices = [
        ...Object.entries(LANGUAGES).map(([key, label]) => ({ label, checked: language() === key, onClick: () => speak(key) })),
        null,
        ...['auto', 'light', 'dark'].map((key) => ({ label: t(`theme.${key}`), checked: theme === key, onClick: () => prefer({ theme: key }) })),
    ];
    return html`<${Menu} label=${t('nav.preferences')} icon="globe" small up=${up} items=${choices} />`;
}

function Account() {
    const { member } = useSession();
    const items = [
        { label: t('nav.sessions'), icon: 'clock', href: to('/sessions') },
        null,
        { label: t('nav.logout'), icon: 'logout', onClick: logOut },
    ];
    return html`<div class="account"><${Menu} label=${t('nav.account')} icon=${null} up items=${items}>
            <span class="account-name"><bdi>${member.name}</bdi><small>${tWord('role', member.role)}</small></span><//>
        <${Preferences} up /></div>`;
}

function Sidebar({ name, onNavigate }) {
    const shown = screens.filter((one) => one.nav && (!one.needs || may(...one.needs)));
    return html`<nav class="sidebar-nav" aria-label=${t('nav.label')} onClick=${(event) => event.target.closest('a') && onNavigate()}>
        ${GROUPS.map((group) => {
            const links = shown.filter((one) => one.nav === group);
            return links.length > 0 && html`<div key=${group} class="nav-group"><h2>${t(`nav.group.${group}`)}</h2><ul>
                ${links.map((one) => html`<li key=${one.name}><a href=${to(one.path)} class=${one.name === name && 'is-on'}
                    aria-current=${one.name === name ? 'page' : undefined}><${Icon} name=${one.icon} />${t(`nav.${one.name}`)}</a></li>`)}
            </ul></div>`;
        })}</nav>`;
}

function Unknown() {
    return html`<${Page} title=${t('common.no_page')}><${Empty} icon="search" title=${t('common.no_page')} text=${t('common.no_page_text')}>
        <${Button} href=${to('/')}>${t('nav.overview')}<//><//><//>`;
}

function find(path) {
    for (const screen of screens) {
        const params = match(screen.path, path);
        if (params) return { screen, params };
    }
    return { screen: { name: '', view: Unknown }, params: {} };
}

function Shell() {
    const { path, query } = useRoute();
    const [open, setOpen] = useState(false);
    const { screen, params } = find(path);
    useEffect(() => {
        const key = (event) => {
            if (event.key !== '/' || event.ctrlKey || event.metaKey || event.target.closest('input, textarea, select, dialog')) return;
            const search = document.querySelector('main input[type="search"]');
            if (!search) return;
            event.preventDefault();
            search.focus();
        };
        addEventListener('keydown', key);
        return () => removeEventListener('keydown', key);
    }, []);
    return html`<div class=${classes('shell', open && 'is-open')}>
        <a class="skip" href="#main" onClick=${(event) => { event.preventDefault(); document.getElementById('main').focus(); }}>${t('nav.skip')}</a>
        <header class="topbar"><a class="brand" href=${to('/')}><span class="logo" aria-hidden="true"></span>aigw</a>
            <${IconButton} icon=${open ? 'close' : 'menu'} label=${t('nav.menu')} aria-expanded=${open ? 'true' : 'false'} onClick=${() => setOpen(!open)} /></header>
        <div class="sidebar"><a class="brand" href=${to('/')}><span class="logo" aria-hidden="true"></span>aigw</a>
            <${Sidebar} name=${screen.section || screen.name} onNavigate=${() => setOpen(false)} /><${Account} /></div>
        <main id="main" tabindex="-1"><div class="screen"><${screen.view} key=${screen.name + JSON.stringify(params)} params=${params} query=${query} /></div></main>
    </div>`;
}

export function App() {
    const who = useSession();
    usePreferences();
    const [error, setError] = useState(null);
    const ask = async () => setError(await whoAmI());
    useEffect(() => {
        ask();
        addEventListener('hashchange', ask); // a login link opened on this very page
        return () => removeEventListener('hashchange', ask);
    }, []);
    const spoken = language();
    useEffect(() => {
        document.documentElement.lang = locale();
    }, [spoken]);
    const view = who ? html`<${Shell} key=${spoken} />`
        : error ? html`<main class="login"><${Failure} error=${error} retry=${ask} /></main>`
            : who === null ? html`<${Login} key=${spoken} preferences=${html`<${Preferences} />`} />` : null;
    return html`${view}<${Toasts} /><${Confirmation} />`;
}
