"""Apache and PHP: what a pillar may say of them, and a configuration judged before it is placed."""
