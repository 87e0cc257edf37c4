# make install, uninstall, deb. The directory variables are GNU's; DESTDIR
# stands before each of them.

PREFIX          ?= /usr
prefix           = $(PREFIX)
exec_prefix      = $(prefix)
bindir           = $(exec_prefix)/bin
sbindir          = $(exec_prefix)/sbin
datarootdir      = $(prefix)/share
datadir          = $(datarootdir)
docdir           = $(datarootdir)/doc/aigw
mandir           = $(datarootdir)/man
sysconfdir       = /etc
localstatedir    = /var
runstatedir      = /run
unitdir          = $(prefix)/lib/systemd/system
sysusersdir      = $(prefix)/lib/sysusers.d
tmpfilesdir      = $(prefix)/lib/tmpfiles.d
bashcompdir      = $(datadir)/bash-completion/completions
zshcompdir       = $(datadir)/zsh/vendor-completions
fishcompdir      = $(datadir)/fish/vendor_completions.d

INSTALL         ?= install
INSTALL_PROGRAM ?= $(INSTALL)
INSTALL_DATA    ?= $(INSTALL) -m 644

PACKAGE := tools/package
TOOLS   := aigwctl aigw-shmdump aigw-ledger

# The files name Debian's places; here they get the chosen ones.
PLACES = sed -e 's|/usr/sbin/|$(sbindir)/|g' -e 's|/etc/aigw|$(sysconfdir)/aigw|g' \
             -e 's|/var/lib/|$(localstatedir)/lib/|g' \
             -e 's|/var/log/|$(localstatedir)/log/|g' \
             -e 's|/run/aigw|$(runstatedir)/aigw|g'
# $(call placed,SOURCE,DESTINATION)
placed = $(Q)$(INSTALL) -d $(DESTDIR)$(dir $(2)) && $(PLACES) $(1) >$(DESTDIR)$(2) \
         && chmod 644 $(DESTDIR)$(2)

.PHONY: install
install: all man ## programs, man pages, unit, completions (DESTDIR, PREFIX)
	$(Q)$(INSTALL) -d $(addprefix $(DESTDIR),$(sbindir) $(bindir) \
	  $(mandir)/man1 $(mandir)/man5 $(mandir)/man8 $(docdir) $(datadir)/aigw \
	  $(bashcompdir) $(zshcompdir) $(fishcompdir) $(sysconfdir)/aigw/conf.d)
	$(Q)$(INSTALL_PROGRAM) $(BUILD)/aigw $(DESTDIR)$(sbindir)
	$(Q)$(INSTALL_PROGRAM) $(addprefix $(BUILD)/,$(TOOLS)) $(DESTDIR)$(bindir)
	$(Q)$(INSTALL_DATA) $(patsubst %,tools/%.1,$(TOOLS)) $(DESTDIR)$(mandir)/man1
	$(Q)$(INSTALL_DATA) $(BUILD)/aigw.ini.5 $(DESTDIR)$(mandir)/man5
	$(Q)$(INSTALL_DATA) master/aigw.8 $(DESTDIR)$(mandir)/man8
	$(Q)$(INSTALL_DATA) README.md ARCHITECTURE.md OPERATIONS.md $(DESTDIR)$(docdir)
	$(Q)$(INSTALL_DATA) $(PACKAGE)/prometheus-alerts.yml \
	  $(PACKAGE)/grafana-dashboard.json $(DESTDIR)$(datadir)/aigw
	$(call placed,$(PACKAGE)/aigw.service,$(unitdir)/aigw.service)
	$(call placed,$(PACKAGE)/aigw.sysusers,$(sysusersdir)/aigw.conf)
	$(call placed,$(PACKAGE)/aigw.tmpfiles,$(tmpfilesdir)/aigw.conf)
	$(call placed,$(PACKAGE)/aigw.logrotate,$(sysconfdir)/logrotate.d/aigw)
	$(Q)test -e $(DESTDIR)$(sysconfdir)/aigw/aigw.ini || \
	  { $(PLACES) $(PACKAGE)/aigw.ini >$(DESTDIR)$(sysconfdir)/aigw/aigw.ini && \
	    chmod 640 $(DESTDIR)$(sysconfdir)/aigw/aigw.ini; }
	$(Q)$(BUILD)/aigwctl completion bash >$(DESTDIR)$(bashcompdir)/aigwctl
	$(Q)$(BUILD)/aigwctl completion zsh >$(DESTDIR)$(zshcompdir)/_aigwctl
	$(Q)$(BUILD)/aigwctl completion fish >$(DESTDIR)$(fishcompdir)/aigwctl.fish
	$(Q)$(INSTALL_DATA) $(PACKAGE)/completion/aigw.bash $(DESTDIR)$(bashcompdir)/aigw
	$(Q)$(INSTALL_DATA) $(PACKAGE)/completion/aigw.zsh $(DESTDIR)$(zshcompdir)/_aigw
	$(Q)$(INSTALL_DATA) $(PACKAGE)/completion/aigw.fish $(DESTDIR)$(fishcompdir)
	$(Q)for tool in aigw-shmdump aigw-ledger; do \
	  ln -sf aigw $(DESTDIR)$(bashcompdir)/$$tool && \
	  ln -sf aigw.fish $(DESTDIR)$(fishcompdir)/$$tool.fish || exit 1; done

# A configuration that somebody changed stays, and so does all data.
.PHONY: uninstall
uninstall: ## take away what "make install" brought; configuration and data stay
	$(Q)rm -f $(addprefix $(DESTDIR),$(sbindir)/aigw \
	  $(addprefix $(bindir)/,$(TOOLS)) $(patsubst %,$(mandir)/man1/%.1,$(TOOLS)) \
	  $(mandir)/man5/aigw.ini.5 $(mandir)/man8/aigw.8 $(unitdir)/aigw.service \
	  $(sysusersdir)/aigw.conf $(tmpfilesdir)/aigw.conf \
	  $(sysconfdir)/logrotate.d/aigw $(zshcompdir)/_aigwctl $(zshcompdir)/_aigw \
	  $(foreach p,aigw $(TOOLS),$(bashcompdir)/$(p) $(fishcompdir)/$(p).fish))
	$(Q)rm -rf $(DESTDIR)$(docdir) $(DESTDIR)$(datadir)/aigw
	$(Q)! $(PLACES) $(PACKAGE)/aigw.ini | \
	  cmp -s - $(DESTDIR)$(sysconfdir)/aigw/aigw.ini || \
	  rm -f $(DESTDIR)$(sysconfdir)/aigw/aigw.ini
	$(Q)for dir in $(sysconfdir)/aigw/conf.d $(sysconfdir)/aigw; do \
	  rmdir --ignore-fail-on-non-empty $(DESTDIR)$$dir 2>/dev/null || true; done

.PHONY: deb
deb: ## a Debian package, into build/deb
	@tools/deps.sh $(DEPS) dpkg-dev debhelper
	@$(PACKAGE)/deb.sh $(DEB_VERSION)

.PHONY: test-package
test-package: ## build, install, upgrade and purge the package in a chroot (root)
	@tests/package.sh
