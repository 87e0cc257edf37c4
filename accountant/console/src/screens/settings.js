// Gateway profiles, which management makes, and the server's own settings, which
// are the file's.
// SPDX-License-Identifier: Apache-2.0
import { html, useState } from '../dom.js';
import { api, segment, useApi } from '../api.js';
import { optionText, t } from '../i18n.js';
import { setQuery, to } from '../router.js';
import { may } from '../state.js';
import { Badge, Button, Checkbox, Drawer, Empty, Facts, Failure, Input, Page, Table, Tabs, confirm } from '../ui/index.js';
import { ManagedBy, act, useEditing } from './act.js';
import { OPTION_GROUPS, ProfileForm } from './profile_form.js';

// A value of an option as one reads it.
function valueText(value) {
    if (value === null || value === undefined || value === '' || (Array.isArray(value) && value.length === 0)) return '';
    if (typeof value === 'boolean') return t(value ? 'settings.yes' : 'settings.no');
    return Array.isArray(value) ? value.join(', ') : String(value);
}

const saidBy = (profile, names) => names.map((name) => [name, valueText(profile[name])]).filter(([, text]) => text !== '');
const DEFAULTS = { webhook_timeout: '1s', webhook_fail: 'closed', webhook_prompt: false, authentication: true };
const isSaid = (profile) => ([name]) => !(name in DEFAULTS) || profile[name] !== DEFAULTS[name];

function ProfileDrawer({ profile, options, reload, onClose }) {
    const path = `/gateways/${segment(profile.name)}`;
    const [editing, edit, end] = useEditing();
    const isOwn = profile.managed_by === 'api' && may('operator', 'config:write');
    const drop = async () => {
        const ok = await confirm({ title: t('settings.delete_title', { name: profile.name }), text: t('settings.delete_text'), action: t('part.delete'), danger: true });
        if (!ok || !(await act(() => api.delete(path), t('settings.deleted')))) return;
        onClose();
        reload();
    };
    const footer = isOwn && html`<${Button} kind="danger" icon="trash" onClick=${drop}>${t('part.delete')}<//><span class="grow"></span>
        <${Button} kind="primary" icon="edit" disabled=${!options} onClick=${() => edit(path)}>${t('part.edit')}<//>`;
    const groups = Object.entries(OPTION_GROUPS).map(([group, names]) => [group, saidBy(profile, names).filter(isSaid(profile))]).filter(([, rows]) => rows.length > 0);
    return html`<${Drawer} title=${html`<bdi>${profile.name}</bdi>`} onClose=${onClose} footer=${footer}>
        <div class="row"><${ManagedBy} by=${profile.managed_by} /></div>
        <p class="hint">${profile.managed_by === 'file' ? t('part.file_hint') : t('settings.how', { name: profile.name })}</p>
        ${profile.fault && html`<p class="error" role="alert">${profile.fault}</p>`}
        ${groups.length === 0 && html`<${Empty} icon="settings" title=${t('settings.says_nothing')} />`}
        ${groups.map(([group, rows]) => html`<h3 key=${group}>${t(`settings.group.${group}`)}</h3>
            <${Facts} rows=${rows.map(([name, text]) => [t(`setting.${name}`), html`<bdi>${text}</bdi>`])} />`)}
        ${editing && html`<${ProfileForm} profile=${editing.data} etag=${editing.etag} options=${options} onClose=${end} onDone=${() => { end(); reload(); }} />`}
    <//>`;
}

function Profiles({ query, options }) {
    const { data, error, reload } = useApi('/gateways', { limit: 1000 });
    const [adding, setAdding] = useState(false);
    const chosen = query.profile && data?.data.find((row) => row.name === query.profile);
    const add = may('operator', 'config:write') && options && html`<${Button} kind="primary" icon="plus" onClick=${() => setAdding(true)}>${t('settings.add')}<//>`;
    const columns = [
        { key: 'name', title: t('settings.profile'), sort: true, render: (row) => html`<a href=${to('/settings', { profile: row.name })}><bdi>${row.name}</bdi></a>` },
        ...Object.entries(OPTION_GROUPS).slice(0, 6).map(([group, names]) => ({
            key: group, title: t(`settings.group.${group}`), render: (row) => {
                const said = saidBy(row, names).filter(isSaid(row));
                return said.length === 0 ? html`<span class="muted">–</span>` : html`<span class="truncate" title=${said.map(([name, text]) => `${name}: ${text}`).join('\n')}>
                    ${said.slice(0, 2).map(([name, text]) => `${t(`setting.${name}`)} ${text}`).join(' · ')}${said.length > 2 && ` +${said.length - 2}`}</span>`;
            },
        })),
        { key: 'by', title: '', align: 'right', render: (row) => html`<${ManagedBy} by=${row.managed_by} />` },
    ];
    return html`<div class="row"><p class="muted grow">${t('settings.profiles_lead')}</p>${data?.data.length > 0 && add}</div>
        <${Table} label=${t('settings.profiles')} columns=${columns} rows=${data?.data} rowKey=${(row) => row.name} error=${error} retry=${reload}
            href=${(row) => to('/settings', { profile: row.name })}
            empty=${html`<${Empty} icon="settings" title=${t('settings.empty')} text=${t('settings.empty_text')}>${add}<//>`} />
        ${chosen && html`<${ProfileDrawer} key=${chosen.name} profile=${chosen} options=${options} reload=${reload} onClose=${() => setQuery({ profile: '' })} />`}
        ${adding && html`<${ProfileForm} options=${options} onClose=${() => setAdding(false)} onDone=${(name) => { setAdding(false); reload(); setQuery({ profile: name }); }} />`}`;
}

function Server({ settings, query }) {
    const text = (query.text ?? '').toLowerCase();
    const rows = settings.data?.data.filter((row) => (query.all || row.changed || text) && `${row.section} ${row.option} ${row.text} ${optionText(row.section, row)}`.toLowerCase().includes(text));
    const columns = [
        { key: 'option', title: t('settings.option'), sort: true, render: (row) => html`<code>[${row.section}] ${row.option}</code>` },
        { key: 'value', title: t('settings.value'), wrap: true, render: (row) => html`<bdi class="mono">${valueText(row.value) || '–'}</bdi> ${row.changed && html`<${Badge} tone="accent">${t('settings.changed')}<//>`}` },
        { key: 'default', title: t('settings.default'), render: (row) => html`<span class="muted mono">${row.default ?? '–'}</span>` },
        { key: 'applies', title: t('settings.applies'), render: (row) => html`<${Badge} tone=${row.applies === 'restart' ? 'warn' : ''}>${t(`settings.at.${row.applies}`)}<//>` },
        { key: 'text', title: t('settings.meaning'), wrap: true, render: (row) => html`<span class="small muted">${optionText(row.section, row)}</span>` },
    ];
    return html`<p class="muted">${t('settings.server_lead')} <code>${settings.data?.path ?? 'aigw.ini'}</code></p>
        <div class="row"><${Input} type="search" class="search" aria-label=${t('settings.search')} placeholder=${t('settings.search')} value=${query.text} onInput=${(value) => setQuery({ text: value })} />
            <${Checkbox} checked=${!!query.all} onChange=${(on) => setQuery({ all: on ? 'yes' : '' })}>${t('settings.all')}<//></div>
        <${Table} label=${t('settings.server')} columns=${columns} rows=${rows} rowKey=${(row) => `${row.section}.${row.option}`} error=${settings.error} retry=${settings.reload}
            empty=${html`<${Empty} icon="settings" title=${t('settings.none')} />`} />`;
}

export function Settings({ query }) {
    const mayLook = may('operator', 'config:read');
    const settings = useApi(mayLook ? '/settings' : null);
    const tab = query.tab === 'server' && mayLook ? 'server' : 'profiles';
    const tabs = [['profiles', t('settings.profiles')], ...(mayLook ? [['server', t('settings.server')]] : [])];
    return html`<${Page} title=${t('nav.settings')}>
        <${Tabs} label=${t('nav.settings')} value=${tab} tabs=${tabs} href=${(key) => to('/settings', { tab: key })} />
        ${tab === 'server' ? html`<${Server} settings=${settings} query=${query} />`
            : html`${settings.error && html`<${Failure} error=${settings.error} retry=${settings.reload} />`}<${Profiles} query=${query} options=${settings.data?.parts.gateway} />`}
    <//>`;
}
