# mde-console: reads whether Microsoft Defender for Endpoint works on this machine. It changes nothing.
$ErrorActionPreference = 'SilentlyContinue'
Write-Output '--- mde-console health {run} begin ---'
$service = Get-Service -Name sense
if ($service) { Write-Output "sense_service : $($service.Status)" } else { Write-Output 'sense_service : missing' }
$status = Get-ItemProperty -Path 'HKLM:\SOFTWARE\Microsoft\Windows Advanced Threat Protection\Status'
if ($status) {
  Write-Output "onboarding_state : $($status.OnboardingState)"
  Write-Output "org_id : $($status.OrgId)"
} else {
  Write-Output 'onboarding_state : missing'
}
$antivirus = Get-MpComputerStatus
if ($antivirus) {
  Write-Output "antivirus_mode : $($antivirus.AMRunningMode)"
  Write-Output "real_time_protection_enabled : $($antivirus.RealTimeProtectionEnabled)"
  Write-Output "app_version : $($antivirus.AMProductVersion)"
  Write-Output "definitions_version : $($antivirus.AntivirusSignatureVersion)"
  Write-Output "definitions_updated : $($antivirus.AntivirusSignatureLastUpdated.ToUniversalTime().ToString('s'))"
}
Write-Output '--- mde-console health {run} end ---'
