# mde-console: reads whether this machine's system is one that Microsoft Defender for Endpoint supports. It changes nothing.
$ErrorActionPreference = 'SilentlyContinue'
Write-Output '--- mde-console system {run} begin ---'
Write-Output 'system : Windows'
$windows = Get-WmiObject -Class Win32_OperatingSystem
if ($windows) {
  Write-Output "os_name : $($windows.Caption)"
  Write-Output "os_version : $($windows.Version)"
  Write-Output "service_pack : $($windows.ServicePackMajorVersion)"
  Write-Output "architecture : $($windows.OSArchitecture)"
}
$service = Get-Service -Name sense
if ($service) { Write-Output "sense_service : $($service.Status)" } else { Write-Output 'sense_service : missing' }
$agent = Get-Service -Name HealthService
if ($agent) { Write-Output "log_analytics_agent : $($agent.Status)" } else { Write-Output 'log_analytics_agent : missing' }
Write-Output '--- mde-console system {run} end ---'
