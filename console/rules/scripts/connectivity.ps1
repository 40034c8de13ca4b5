# mde-console: reads whether this machine reaches the addresses of Microsoft Defender for Endpoint. It changes nothing.
# It asks each address as the sensor does: as SYSTEM, by the sensor's proxy where one is set; and keeps nothing of what they answer.
$ErrorActionPreference = 'SilentlyContinue'
Write-Output '--- mde-console connectivity {run} begin ---'
Write-Output 'system : Windows'
$service = Get-Service -Name sense
if ($service) { Write-Output "sense_service : $($service.Status)" } else { Write-Output 'sense_service : missing' }
$policy = Get-ItemProperty -Path 'HKLM:\SOFTWARE\Policies\Microsoft\Windows\DataCollection'
$proxy = $null
if ($policy.TelemetryProxyServer) {
  Write-Output "proxy : $($policy.TelemetryProxyServer)"
  $proxy = New-Object Net.WebProxy("http://$($policy.TelemetryProxyServer)")
} else {
  Write-Output 'proxy : none'
}
[Net.ServicePointManager]::SecurityProtocol = 3072
foreach ($address in '{addresses}'.Split(' ')) {
  $result = '[FAILED] (no answer)'
  try {
    $request = [Net.WebRequest]::Create("https://$address")
    $request.Timeout = 6000
    if ($proxy) { $request.Proxy = $proxy }
    $answer = $request.GetResponse()
    $answer.Close()
    $result = '[OK]'
  } catch {
    $problem = $_.Exception
    while ($problem.InnerException -and -not ($problem -is [Net.WebException])) { $problem = $problem.InnerException }
    if ($problem.Response) { $result = "[FAILED] (HTTP $([int]$problem.Response.StatusCode))" }
    elseif ($problem.Status) { $result = "[FAILED] ($($problem.Status))" }
  }
  Write-Output "Testing connection with https://$address ... $result"
}
Write-Output '--- mde-console connectivity {run} end ---'
