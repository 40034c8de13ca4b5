# mde-console: raises the test alert "Suspicious PowerShell CommandLine" of Defender for Endpoint on this machine, a harmless one.
# It runs the line of Microsoft's detection test, whose download from the machine's own address is meant to fail, ends it, and removes the
# folder that it made.
$ErrorActionPreference = 'SilentlyContinue'
Write-Output '--- mde-console test {run} begin ---'
$folder = 'C:\test-MDATP-test'
$made = -not (Test-Path -Path $folder)
if ($made) { New-Item -ItemType Directory -Path $folder | Out-Null }
$line = @'
-NoExit -ExecutionPolicy Bypass -WindowStyle Hidden (New-Object System.Net.WebClient).DownloadFile('http://127.0.0.1/1.exe', 'C:\\test-MDATP-test\\invoice.exe'); Start-Process 'C:\\test-MDATP-test\\invoice.exe'
'@
$shell = Start-Process -FilePath powershell.exe -ArgumentList $line -PassThru
if ($shell) {
  Start-Sleep -Seconds 20
  Stop-Process -Id $shell.Id -Force
  Write-Output 'test : ran'
} else {
  Write-Output 'test : not-executable'
}
if ($made) { Remove-Item -Path $folder -Recurse -Force }
Write-Output '--- mde-console test {run} end ---'
