# Has Vagrant's own VirtualBox provider make the network of one machine of the Vagrantfile in the
# current directory: network.rb MACHINE [NETMASK], a number in place of what the Vagrantfile says.
require "vagrant"

name, number = ARGV.shift(2)
vagrant = Vagrant::Environment.new(cwd: Dir.pwd, ui_class: Vagrant::UI::Basic)
machine = vagrant.machine(name.to_sym, :virtualbox)
# A machine that is there, so that its adapters can be set.
machine.id = "8a0f5a7c-0000-4000-8000-000000000001"
networks = machine.config.vm.networks.select { |type, _| type == :private_network }
networks.each { |_, options| options[:netmask] = Integer(number) } if number
# What Vagrant would do inside the machine afterwards; there is none.
networks.each { |_, options| options[:auto_config] = false }
action = VagrantPlugins::ProviderVirtualBox::Action::Network.new(->(_) {}, {})
action.call({ machine: machine, ui: vagrant.ui })
