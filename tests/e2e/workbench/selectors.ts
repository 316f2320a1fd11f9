// Every selector of the workbench, as VS Code 1.139 draws it. Nothing else may name a class or id.

export const selectors = {
  workbench: '.monaco-workbench',
  startupDone: '.part.statusbar .statusbar-item',

  quickInput: '.quick-input-widget',
  quickInputField: '.quick-input-widget .quick-input-box input',
  quickInputTitle: '.quick-input-widget .quick-input-title',
  quickInputRow: '.quick-input-widget .monaco-list-row',
  quickInputRowLabel: '.label-name',
  quickInputMessage: '.quick-input-widget .quick-input-message',

  statusBarItem: (id: string): string => `.statusbar-item[id="${id}"]`,
  statusBarLink: 'a',
  statusBarHover: '.monaco-hover:not(.hidden) .hover-contents',

  notificationToast: '.notification-toast',
  notificationMessage: '.notification-list-item-message',
  notificationErrorIcon: '.notification-list-item-icon.codicon-error',
  notificationButton: '.notification-list-item-buttons-container .monaco-button',
  notificationClose: '.codicon-notifications-clear',

  dialog: '.monaco-dialog-box',
  dialogMessage: '.dialog-message-text',
  dialogDetail: '.dialog-message-detail',
  dialogButton: '.dialog-buttons .monaco-button',

  tab: '.tabs-container .tab',
  tabLabel: '.label-name',
  webviewOuter: 'iframe.webview.ready',
  webviewInner: '#active-frame',

  editor: '.part.editor .monaco-editor',
  editorLines: '.part.editor .monaco-editor .view-lines',
  editorInput: '.part.editor .monaco-editor .native-edit-context',

  terminal: '.terminal-wrapper.active',
  terminalRows: '.terminal-wrapper.active .xterm-rows > div',

  markers: '.markers-panel .monaco-list-row',

  activity: (label: string): string => `.activitybar [aria-label^="${label}"]`,
  explorerRow: '.explorer-folders-view .monaco-list-row',
  menuItem: '.context-view .monaco-menu .action-label',
  welcomeButton: '.pane-body .welcome-view-content .monaco-button',
  walkthroughCategory: '.gettingStartedContainer button.getting-started-category',
  walkthroughStep: '.gettingStartedContainer .getting-started-step',
  walkthroughStepTitle: '.step-title',
  walkthroughButton: '.monaco-button',
  walkthroughTick: '.codicon-getting-started-step-checked',

  outputLine: '.output-view .view-line',
  trustButton: '.workspace-trust-editor .monaco-button',

  treeRow: '.pane-body .monaco-list-row',
} as const;
