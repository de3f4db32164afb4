// Draws the report from the JSON in the page. Texts become text nodes, never markup: nothing here parses HTML.
'use strict';
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const conditions = new Map(Object.entries(data.summary.conditions));
  const byId = (id) => document.getElementById(id);
  const PAGE = 50;
  const CHIPS = 12;
  const SHOWN_DRIFT = 5;
  // Maps, as a host may use any word: an object has a constructor before anybody puts it there.
  const CONDITIONS = new Map([
    ['unreachable', { label: 'unreachable', mark: '–' }],
    ['failed', { label: 'failed', mark: '✕' }],
    ['no_facts', { label: 'without facts', mark: '?' }],
    ['incomplete', { label: 'incomplete', mark: '…' }],
    ['drift', { label: 'with drift', mark: '!' }],
    ['ok', { label: 'in order', mark: '✓' }],
  ]);
  // What to do. Each sentence stands where somebody looks for the next step, so it names the step.
  const ADVICE = new Map([
    ['unhealthy', 'The kernel has stopped this filesystem after an error. Read the kernel log of the host, have every holder release it, check it (fsck), then acquire it again. Nothing repairs it by itself.'],
    ['replaced', 'Another mount stands there, or the source names another filesystem than the one that was held: the message says which. Find out who changed it. Bring back what was held, or have every holder release it and acquire it again. No reconcile touches it unasked.'],
    ['stacked', 'Another mount lies on the one that is held. Unmount the other one the way it was made.'],
    ['untrusted', 'No ledger in order names this path. Find out who answers for this host.'],
    ['missing', 'It is held but not mounted. A reconcile, or acquiring it again, mounts it.'],
    ['unreachable', 'Nothing is known of this host. What it holds is not in this report.'],
    ['failed', 'The host answered with an error. What it holds is not in this report.'],
    ['incomplete', 'Run safe_mount_facts on the host and look. No host in order has so much to tell.'],
    ['no_facts', 'The host was not asked in this run, because it had failed before.'],
    ['options_changed', 'Somebody remounted it. Release and acquire it to get what was asked for.'],
    ['interrupted', 'An operation ended in the middle. The next one there, or a reconcile, finishes it.'],
    ['expired', 'A lease has ended. A reconcile drops it, and unmounts when it was the last.'],
    ['deferred', 'It was busy when its last holder left. A reconcile unmounts it once it is free.'],
    ['orphaned', 'Nobody holds it any longer. A reconcile unmounts it.'],
  ]);
  const adviceFor = (state) => ADVICE.get(state) || 'Run safe_mount_facts on the host and look.';
  const weights = new Map(data.summary.attention.map((each, index) => [each.state, index]));

  // --- Elements and words ---

  function put(parent, tag, text, className) {
    const element = document.createElement(tag);
    if (text !== undefined && text !== null) element.textContent = String(text);
    if (className) element.className = className;
    if (parent) parent.append(element);
    return element;
  }
  // A long name breaks after its separators rather than anywhere.
  function putName(parent, tag, text, className) {
    const element = put(parent, tag, null, className);
    for (const part of text.split(/(?<=[/.:@=-])/)) element.append(part, document.createElement('wbr'));
    return element;
  }
  // The address of a view of this page: a list and its filter, which are read as texts again.
  const addressOf = (view) => `#${new URLSearchParams(view)}`;
  function putHost(parent, host) {
    putName(parent, 'a', host, 'host').href = addressOf({ list: 'mounts', host });
  }
  const collator = new Intl.Collator('en', { numeric: true });
  function compare(left, right) {
    if (typeof left === 'number' && typeof right === 'number') return left - right;
    return collator.compare(String(left), String(right));
  }
  const count = (number, one, many) => `${number.toLocaleString('en')} ${number === 1 ? one : many}`;
  function span(seconds) {
    const units = [[86400, 'd'], [3600, 'h'], [60, 'min']];
    for (const [size, name] of units) {
      if (Math.abs(seconds) >= size) return `${Math.floor(Math.abs(seconds) / size).toLocaleString('en')} ${name}`;
    }
    return `${Math.abs(seconds)} s`;
  }
  const lease = (left) => (left > 0 ? `${span(left)} left` : `ended ${span(left)} ago`);
  const kindOf = (state) => (state === 'ok' || state === 'unknown' ? 'ok' : CONDITIONS.has(state) ? state : 'drift');
  function putState(parent, state) {
    const badge = put(parent, 'span', state.replace(/_/g, ' '), `state ${kindOf(state)}`);
    badge.dataset.mark = CONDITIONS.get(kindOf(state)).mark;
    return badge;
  }
  function putChips(parent, chips) {
    const box = put(parent, 'div', null, 'chips');
    for (const chip of chips.slice(0, CHIPS)) {
      const element = put(box, 'span', chip.name, 'chip');
      if (chip.times > 1) put(element, 'span', ` ×${chip.times}`, 'times');
      if (chip.since) element.title = `since ${chip.since}${chip.expires ? `, lease until ${chip.expires}` : ''}`;
    }
    putRest(box, 'span', chips.length - CHIPS);
  }
  function putDrift(parent, drifts) {
    for (const drift of drifts.slice(0, SHOWN_DRIFT)) put(parent, 'div', drift.message, 'why');
    putRest(parent, 'div', drifts.length - SHOWN_DRIFT);
  }
  function putRest(parent, tag, number) {
    if (number > 0) put(parent, tag, `and ${count(number, 'more', 'more')}`, 'soft');
  }

  // --- Rows ---

  const rows = [];
  // By the numbers in their names, once; every list keeps to this order where its key is equal.
  for (const host of [...data.hosts].sort((left, right) => compare(left.name, right.name))) {
    if (host.mounts.length === 0 || host.status !== 'ok') {
      const state = host.status === 'ok' ? 'ok' : host.status;
      const message = host.message || (state === 'ok' ? 'Nothing is held here.' : '');
      rows.push({ host: host.name, mount: '', source: '', fstype: '', holders: [], drift: [], age: null, left: null, state, message, isHost: true });
    }
    for (const mount of host.mounts) rows.push({ host: host.name, ...mount });
  }
  rows.forEach((row, index) => { row.order = index; });
  data.sources.forEach((source, index) => {
    const times = new Map();
    for (const use of source.uses) for (const name of use.holders) times.set(name, (times.get(name) || 0) + 1);
    source.chips = [...times].map(([name, number]) => ({ name, times: number })).sort((a, b) => b.times - a.times || compare(a.name, b.name));
    source.states = new Set(source.uses.map((use) => use.state));
    source.hosts = new Set(source.uses.map((use) => use.host));
    source.order = index;
  });
  // What a row is found by; made when somebody looks for something.
  function textOf(row) {
    row.text ??= [row.host, row.mount, row.source, row.fstype, row.state, row.message, ...(row.holders || row.chips).map((each) => each.name),
      ...(row.uses || []).flatMap((use) => [use.host, use.mount])].join('\n').toLowerCase();
    return row.text;
  }
  const troubled = rows.filter((row) => kindOf(row.state) !== 'ok').sort((a, b) => weights.get(a.state) - weights.get(b.state) || a.order - b.order);
  troubled.forEach((row, index) => { row.weight = index; });

  // --- Lists ---

  const MOUNT_COLUMNS = [
    { label: 'Host', value: (row) => row.host },
    { label: 'Mount point', value: (row) => row.mount || null },
    { label: 'State', value: (row) => weights.get(row.state) ?? weights.size },
    { label: 'Holders', value: (row) => (row.isHost ? null : row.holders.length) },
    { label: 'Source', value: (row) => row.source || null },
    { label: 'Type', value: (row) => row.fstype || null },
    { label: 'Age', value: (row) => row.age, num: true },
    { label: 'Lease', value: (row) => row.left, num: true },
  ];
  const LISTS = new Map([
    ['attention', {
      title: 'Attention', nouns: ['thing to look at', 'things to look at'], empty: 'Nothing needs attention.',
      rows: troubled, order: (row) => row.weight, row: mountRow, columns: MOUNT_COLUMNS,
    }],
    ['mounts', {
      title: 'Mounts', nouns: ['row', 'rows'], empty: 'Nothing is held.', rows, order: (row) => row.order, row: mountRow, columns: MOUNT_COLUMNS,
    }],
    ['sources', {
      title: 'Sources', nouns: ['source', 'sources'], empty: 'Nothing is held.', rows: data.sources, order: (row) => row.order, row: sourceRow,
      columns: [
        { label: 'Source', value: (row) => row.source },
        { label: 'Type', value: (row) => row.fstype },
        { label: 'Hosts', value: (row) => row.host_count, num: true },
        { label: 'Holders', value: (row) => row.holder_count, num: true },
        { label: 'Who needs it', value: (row) => (row.chips[0] || { name: '' }).name },
      ],
    }],
  ]);
  const tabs = [...LISTS.keys()];

  function putCell(line, tag, label, className) {
    const cell = put(line, tag, null, className);
    if (tag === 'th') cell.scope = 'row';
    cell.dataset.label = label;
    return cell;
  }
  function mountRow(row, line, previous) {
    if (previous && previous.host === row.host) line.className = 'same';
    putHost(putCell(line, 'th', 'Host'), row.host);
    if (row.isHost) {
      putCell(line, 'td', '');
      putState(putCell(line, 'td', 'State'), row.state);
      putCell(line, 'td', '', 'soft said').colSpan = 5;
      line.lastChild.textContent = row.message;
      return;
    }
    putName(putCell(line, 'td', 'Mount point'), 'span', row.mount, 'path');
    const state = putCell(line, 'td', 'State');
    putState(state, row.state);
    putDrift(state, row.drift);
    const holders = putCell(line, 'td', 'Holders', 'soft');
    if (row.holders.length) putChips(holders, row.holders);
    else put(holders, 'span', row.managed ? 'nobody' : 'not managed');
    putName(putCell(line, 'td', 'Source'), 'span', row.source, 'path');
    put(putCell(line, 'td', 'Type'), 'span', row.fstype, 'word');
    const [age, left] = [putCell(line, 'td', 'Age', 'num'), putCell(line, 'td', 'Lease', 'num')];
    if (row.age !== null) put(age, 'span', span(row.age));
    if (row.left !== null) put(left, 'span', lease(row.left), row.left <= 0 ? 'over' : '');
  }
  function sourceRow(row, line) {
    const head = putCell(line, 'th', 'Source');
    putName(head, 'span', row.source, 'path');
    if (!row.shared && row.host_count > 1) put(head, 'span', 'each host has its own', 'scope');
    put(putCell(line, 'td', 'Type'), 'span', row.fstype, 'word');
    put(putCell(line, 'td', 'Hosts', 'num'), 'span', row.host_count);
    put(putCell(line, 'td', 'Holders', 'num'), 'span', row.holder_count);
    const cell = putCell(line, 'td', 'Who needs it');
    if (row.chips.length) putChips(cell, row.chips);
    else put(cell, 'span', 'nobody', 'soft');
    const details = put(cell, 'details');
    put(details, 'summary', `${count(row.uses.length, 'mount point', 'mount points')} on ${count(row.host_count, 'host', 'hosts')}`, 'soft');
    // Three hundred lists of three hundred are made when they are opened, not before.
    const fill = () => {
      if (details.querySelector('ul')) return;
      const list = put(details, 'ul');
      for (const use of row.uses) {
        const item = put(list, 'li', null, 'use');
        putHost(item, use.host);
        putName(item, 'span', use.mount, 'path');
        putState(item, use.state);
        if (use.holders.length) putChips(item, use.holders.map((name) => ({ name })));
        else put(item, 'span', 'nobody', 'soft');
      }
    };
    details.addEventListener('toggle', fill);
    details.fill = fill;
  }
  function putGroup(body, list, state, number) {
    const line = put(body, 'tr', null, 'group');
    const head = put(line, 'th');
    head.scope = 'rowgroup';
    head.colSpan = list.columns.length;
    putState(head, state);
    put(head, 'b', ` ${number.toLocaleString('en')}`);
    put(head, 'span', adviceFor(state), 'advice');
  }

  // --- The view: which list, filtered, sorted and at which page. The address keeps it. ---

  const inputs = { query: byId('query'), state: byId('state'), type: byId('type') };
  const view = { list: tabs[0], host: '', sort: '', down: false, page: 0 };

  function readView() {
    const told = new URLSearchParams(location.hash.slice(1));
    for (const [name, input] of Object.entries(inputs)) {
      input.value = told.get(name) || '';
      if (input.selectedIndex === -1) input.value = '';
    }
    view.host = told.get('host') || '';
    view.list = LISTS.has(told.get('list')) ? told.get('list') : troubled.length || rows.length === 0 ? 'attention' : 'mounts';
    view.sort = LISTS.get(view.list).columns.some((column) => column.label === told.get('sort')) ? told.get('sort') : '';
    view.down = told.has('down');
    view.page = Math.max(0, (Number.parseInt(told.get('page'), 10) || 1) - 1);
  }
  function writeView() {
    const told = new URLSearchParams({ list: view.list });
    for (const [name, input] of Object.entries(inputs)) if (input.value) told.set(name, input.value);
    if (view.host) told.set('host', view.host);
    if (view.sort) told.set('sort', view.sort);
    if (view.down) told.set('down', '');
    if (view.page) told.set('page', view.page + 1);
    history.replaceState(null, '', `#${told}`);
  }
  function select(list) {
    const words = inputs.query.value.toLowerCase().split(/\s+/).filter(Boolean);
    const { state: { value: state }, type: { value: type } } = inputs;
    return list.rows.filter((row) => (!view.host || row.host === view.host || row.hosts?.has(view.host))
      && (!state || row.state === state || row.states?.has(state))
      && (!type || row.fstype === type)
      && words.every((word) => textOf(row).includes(word)));
  }
  // In Attention the weight stays the first key, so that each state has its rows together.
  function sort(chosen, name, list) {
    const column = list.columns.find((each) => each.label === view.sort);
    if (!column || (name !== view.list)) return chosen;
    const group = name === 'attention' ? (row) => weights.get(row.state) : () => 0;
    return chosen.sort((left, right) => {
      const [a, b] = [column.value(left), column.value(right)];
      const apart = group(left) - group(right);
      if (apart) return apart;
      // What has no value comes last, whichever way.
      if (a === null || b === null) return (a === null) - (b === null) || list.order(left) - list.order(right);
      return (view.down ? compare(b, a) : compare(a, b)) || list.order(left) - list.order(right);
    });
  }
  function putHeads(table, name, list) {
    const heads = put(put(table, 'thead'), 'tr');
    for (const column of list.columns) {
      const head = put(heads, 'th', null, column.num ? 'num' : '');
      head.scope = 'col';
      const isKey = name === view.list && view.sort === column.label;
      if (isKey) head.setAttribute('aria-sort', view.down ? 'descending' : 'ascending');
      const button = put(head, 'button', column.label);
      button.type = 'button';
      put(button, 'span', isKey ? (view.down ? '↓' : '↑') : '', 'arrow').setAttribute('aria-hidden', 'true');
      button.addEventListener('click', () => {
        Object.assign(view, { sort: column.label, down: isKey && !view.down, page: 0 });
        update();
        [...byId(`panel-${name}`).querySelectorAll('thead button')].find((each) => each.firstChild.data === column.label).focus();
      });
    }
  }
  function render(name, chosen, first, last) {
    const list = LISTS.get(name);
    const panel = byId(`panel-${name}`);
    panel.dataset.title = list.title;
    panel.replaceChildren();
    if (chosen.length === 0) {
      put(panel, 'p', list.rows.length ? 'Nothing matches the filter.' : list.empty, 'none');
      return;
    }
    const sorted = sort(chosen, name, list);
    const table = put(panel, 'table');
    put(table, 'caption', list.title);
    putHeads(table, name, list);
    const body = put(table, 'tbody');
    sorted.slice(first, last).forEach((row, index, shown) => {
      let previous = shown[index - 1];
      if (name === 'attention' && previous?.state !== row.state) {
        putGroup(body, list, row.state, chosen.filter((each) => each.state === row.state).length);
        previous = null;
      }
      list.row(row, put(body, 'tr'), previous);
    });
  }
  function show(everything) {
    for (const name of tabs) {
      const isCurrent = name === view.list;
      const tab = byId(`tab-${name}`);
      tab.setAttribute('aria-selected', String(isCurrent));
      tab.tabIndex = isCurrent ? 0 : -1;
      byId(`panel-${name}`).hidden = !isCurrent;
      const list = LISTS.get(name);
      const chosen = select(list);
      tab.querySelector('.count').textContent = chosen.length.toLocaleString('en');
      if (everything === true) render(name, chosen, 0, chosen.length);
      else if (isCurrent) showPage(name, list, chosen);
    }
    const only = byId('only');
    only.hidden = !view.host;
    only.textContent = `Only ${view.host} ✕`;
    only.setAttribute('aria-label', `Only ${view.host}: show all hosts again`);
  }
  function showPage(name, list, chosen) {
    const pages = Math.max(1, Math.ceil(chosen.length / PAGE));
    view.page = Math.min(view.page, pages - 1);
    render(name, chosen, view.page * PAGE, (view.page + 1) * PAGE);
    const total = count(list.rows.length, ...list.nouns);
    byId('found').textContent = chosen.length === list.rows.length ? total : `${chosen.length.toLocaleString('en')} of ${total}`;
    byId('pager').hidden = pages === 1;
    byId('page').textContent = `Page ${(view.page + 1).toLocaleString('en')} of ${pages.toLocaleString('en')}`;
    byId('previous').disabled = view.page === 0;
    byId('next').disabled = view.page === pages - 1;
  }
  function update() {
    show();
    writeView();
  }
  function filter() {
    view.page = 0;
    update();
  }
  function change(name) {
    Object.assign(view, { list: name, sort: '', down: false, page: 0 });
    update();
  }
  function turn(step) {
    view.page += step;
    update();
    goTo('panels');
  }
  function goTo(id) {
    byId(id).scrollIntoView();
    byId(id).focus({ preventScroll: true });
  }
  // Arrow keys, Home and End move within a row of tabs or squares, which is one stop of the Tab key.
  function stepOf(event, at, length) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const next = event.key === 'Home' ? 0 : event.key === 'End' ? length - 1 : step ? (at + step + length) % length : null;
    if (next !== null) event.preventDefault();
    return next;
  }

  // --- Overview ---

  function drawFleet() {
    const parts = [...CONDITIONS.keys()].filter((name) => conditions.get(name));
    const fleet = byId('fleet');
    fleet.classList.toggle('small', data.hosts.length > 400);
    for (const name of parts) {
      const { label, mark } = CONDITIONS.get(name);
      put(byId('share'), 'span', null, name).style.flexGrow = conditions.get(name);
      for (const host of data.hosts.filter((each) => each.condition === name)) {
        const list = kindOf(name) === 'ok' ? 'mounts' : 'attention';
        const cell = put(fleet, 'a', null, `cell ${name}`);
        if (name !== 'ok') cell.dataset.mark = mark;
        cell.href = addressOf({ list, host: host.name });
        cell.title = `${host.name}: ${label}`;
        cell.setAttribute('aria-label', cell.title);
        cell.tabIndex = -1;
      }
      const badge = put(put(byId('legend'), 'li'), 'span', `${label} `, `state ${name}`);
      badge.dataset.mark = mark;
      put(badge, 'b', conditions.get(name).toLocaleString('en'));
    }
    if (fleet.firstChild) fleet.firstChild.tabIndex = 0;
    fleet.addEventListener('keydown', (event) => {
      const cells = [...fleet.children].filter((cell) => cell.checkVisibility());
      const next = stepOf(event, cells.indexOf(event.target), cells.length);
      if (next === null) return;
      event.target.tabIndex = -1;
      cells[next].tabIndex = 0;
      cells[next].focus();
    });
  }
  function drawTypes() {
    const sorted = Object.entries(data.summary.types).sort((a, b) => b[1] - a[1] || compare(a[0], b[0]));
    const rest = sorted.slice(6).reduce((sum, each) => sum + each[1], 0);
    const bars = rest ? [...sorted.slice(0, 6), ['other', rest]] : sorted;
    if (bars.length === 0) put(byId('types'), 'p', 'Nothing is held.', 'soft');
    const most = Math.max(...bars.map((bar) => bar[1]));
    for (const [name, number] of bars) {
      const line = put(byId('types'), 'div', null, 'type');
      putName(line, 'span', name || 'unknown', 'path');
      const track = put(line, 'span', null, 'track');
      put(track, 'span', null, 'level').style.width = `${(number / most) * 100}%`;
      put(line, 'span', number.toLocaleString('en'), 'soft num');
    }
  }
  function drawOverview() {
    const { summary } = data;
    byId('title').textContent = data.title;
    const time = byId('generated');
    time.dateTime = data.generated;
    time.textContent = data.generated.replace('T', ' ').replace('Z', ' UTC');
    const off = ['drift', 'incomplete', 'failed', 'unreachable', 'no_facts'].filter((name) => conditions.get(name));
    const good = conditions.get('ok') || 0;
    byId('headline').textContent = summary.hosts === 0 ? 'No hosts were asked.'
      : off.length === 0 ? `${summary.hosts === 1 ? 'The host is' : `All ${summary.hosts.toLocaleString('en')} hosts are`} in order.`
        : `${good.toLocaleString('en')} of ${count(summary.hosts, 'host', 'hosts')} in order; ${off.map((name) => `${conditions.get(name)} ${CONDITIONS.get(name).label}`).join(', ')}.`;
    const ended = summary.leases_ended;
    const tiles = [
      ['Hosts', summary.hosts, ''],
      ['Mount points held', summary.mounts, summary.unmanaged ? `and ${summary.unmanaged} not managed` : ''],
      ['Holders', summary.holders, count(summary.claims, 'claim', 'claims')],
      ['Sources', summary.sources, ''],
      ['Leases', summary.leases, ended ? `${ended} ended` : summary.leases ? 'none ended' : ''],
      ['Need attention', troubled.length, ''],
    ];
    for (const { state, count: number } of summary.attention) {
      const link = put(put(byId('kinds'), 'li'), 'a', null, 'kind');
      link.href = addressOf({ list: 'attention', state });
      put(link, 'b', `${number.toLocaleString('en')} `);
      putState(link, state);
    }
    for (const [label, number, note] of tiles) {
      const tile = put(byId('tiles'), 'div', null, 'tile');
      put(tile, 'dt', label);
      put(tile, 'dd', number.toLocaleString('en'));
      if (note) put(tile, 'dd', note, 'note');
    }
  }
  function fillSelect(element, first, values) {
    put(element, 'option', first).value = '';
    for (const value of [...new Set(values)].filter(Boolean).sort(compare)) put(element, 'option', value.replace(/_/g, ' ')).value = value;
  }

  // --- Start ---

  fillSelect(inputs.state, 'any', rows.map((row) => row.state));
  fillSelect(inputs.type, 'any', [...rows, ...data.sources].map((row) => row.fstype));
  drawOverview();
  drawFleet();
  drawTypes();
  byId('tools').addEventListener('submit', (event) => event.preventDefault());
  byId('tools').addEventListener('reset', () => setTimeout(() => {
    view.host = '';
    filter();
  }));
  for (const input of Object.values(inputs)) input.addEventListener('input', filter);
  for (const name of tabs) byId(`tab-${name}`).addEventListener('click', () => change(name));
  byId('only').addEventListener('click', () => {
    view.host = '';
    filter();
    byId(`tab-${view.list}`).focus();
  });
  byId('previous').addEventListener('click', () => turn(-1));
  byId('next').addEventListener('click', () => turn(1));
  document.querySelector('[role=tablist]').addEventListener('keydown', (event) => {
    const next = stepOf(event, tabs.indexOf(view.list), tabs.length);
    if (next === null) return;
    change(tabs[next]);
    byId(`tab-${tabs[next]}`).focus();
  });
  document.addEventListener('keydown', (event) => {
    const isTyping = event.target.matches('input, select, textarea');
    if (event.key === '/' && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      inputs.query.focus();
    } else if (event.key === 'Escape') {
      byId('tools').reset();
    }
  });
  window.addEventListener('hashchange', () => {
    // The links within the page are no views.
    const part = ['panels', 'glance'].find((id) => location.hash === `#${id}`);
    if (part) {
      writeView();
    } else {
      readView();
      show();
    }
    goTo(part || 'panels');
  });
  window.addEventListener('beforeprint', () => {
    show(true);
    for (const details of document.querySelectorAll('details')) {
      details.fill();
      details.open = true;
    }
  });
  window.addEventListener('afterprint', () => show());
  readView();
  show();
})();
