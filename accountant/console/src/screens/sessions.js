// Logins that are under way, one's own or of all; each can be ended.
// SPDX-License-Identifier: Apache-2.0
import { html } from '../dom.js';
import { api, useApi } from '../api.js';
import { relative, time } from '../format.js';
import { t } from '../i18n.js';
import { session, useSession } from '../state.js';
import { Badge, Button, Empty, Page, Table, confirm } from '../ui/index.js';
import { act } from './act.js';

export function Sessions() {
    const { data, error, reload } = useApi('/sessions');
    const own = useSession()?.session?.id;
    const end = async (row) => {
        const text = t('sessions.end_text', { name: row.name, from: row.from });
        if (!(await confirm({ title: t('sessions.end_title'), text, action: t('sessions.end'), danger: true }))) return;
        if (!(await act(() => api.delete(`/sessions/${row.id}`), t('sessions.ended')))) return;
        if (row.id === own) session.set(null);
        else reload();
    };
    const columns = [
        { key: 'name', title: t('sessions.name'), render: (row) => html`<bdi>${row.name}</bdi> ${row.id === own && html`<${Badge} tone="accent">${t('sessions.this')}<//>`}` },
        { key: 'from', title: t('sessions.from') },
        { key: 'created_at', title: t('sessions.since'), sort: true, render: (row) => time(row.created_at, 'minute') },
        { key: 'last_used_at', title: t('sessions.used'), sort: true, render: (row) => html`<span title=${time(row.last_used_at)}>${relative(row.last_used_at)}</span>` },
        { key: 'expires_at', title: t('sessions.until'), sort: true, render: (row) => time(row.expires_at, 'minute') },
        { key: 'do', title: html`<span class="sr-only">${t('common.actions')}</span>`, align: 'right', render: (row) => html`<${Button} small kind="danger" onClick=${() => end(row)}>${t('sessions.end')}<//>` },
    ];
    return html`<${Page} title=${t('nav.sessions')} lead=${t('sessions.lead')}>
        <${Table} label=${t('nav.sessions')} columns=${columns} rows=${data?.data} rowKey=${(row) => row.id} error=${error} retry=${reload}
            empty=${html`<${Empty} icon="clock" title=${t('sessions.empty')} />`} />
    <//>`;
}
