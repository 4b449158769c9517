# Salt's own schedule of a database's minion: a certificate would end where nobody runs a highstate
# for as long as it is good. Where it is not due, nobody is asked (docs/certificates.md).
schedule:
  mysql_gr_certificate:
    function: scheduled.renew_certificate
    hours: 12
    # Not all at the same moment.
    splay: 600
    run_on_start: false
