# Kills threads in the middle of looks at one machine's state, as Vagrant does when a machine is up, and
# looks afterwards: killed_looks.rb DIRECTORY [survivor], which gets Vagrant's own files. The Vagrantfile is that of
# the current directory.
require "vagrant"

UUID = "0123456789abcdef" * 2
here = Pathname.new(ARGV.fetch(0))
vagrant = Vagrant::Environment.new(cwd: Dir.pwd, home_path: here.join("home"), local_data_path: here.join("local"))
entry = Vagrant::MachineIndex::Entry.new(UUID, {})
entry.name = "master"
entry.provider = "docker"
entry.local_data_path = vagrant.local_data_path
entry.vagrantfile_path = vagrant.root_path
machine = vagrant.machine(:master, :docker)
machine.data_dir.join("index_uuid").write(UUID)
vagrant.machine_index.release(vagrant.machine_index.recover(entry))
Thread.report_on_exception = false
100.times do
  look = Thread.new { loop { machine.state } }
  sleep(rand / 100)
  look.kill.join
  machine.state
end
puts machine.state.short_description
# A thread that nothing kills, not even the end of the program.
if ARGV[1] == "survivor"
  survivor = Thread.new { Thread.handle_interrupt(Object => :never) { loop { machine.state; sleep 0.1 } } }
  sleep 0.1 until survivor.stop?
  survivor.kill
  raise "it has died" if survivor.join(1)
end
