include:
  - common.minion
