-- Managed by Salt. Lets a new connection wait while no server of its section may be used: the group
-- elects a primary, or one hands over. After SECONDS without any server, connections are refused at
-- once, so that a group that is lost does not tie up everybody who asks for it.
local SECONDS, PAUSE_MS = 10, 50
local alone_since = {}

local function alone(section)
    -- An older HAProxy (2.6) cannot say it, and refuses at once.
    return section.get_srv_act and section:get_srv_act() + section:get_srv_bck() == 0
end

core.register_task(function()
    while true do
        for name, section in pairs(core.proxies) do
            alone_since[name] = alone(section) and (alone_since[name] or core.now().sec) or nil
        end
        core.msleep(PAUSE_MS)
    end
end)

core.register_action("wait_for_server", {"tcp-req"}, function(txn)
    local name = txn.f:fe_name()
    local section = core.proxies[name]
    while alone(section) and core.now().sec - (alone_since[name] or core.now().sec) < SECONDS do
        core.msleep(PAUSE_MS)
    end
end)
