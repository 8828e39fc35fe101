/* tamis.yar - the rules Tamis brings along: the two test strings of the mail world

   Also compiled into tamisd: rules = ["builtin"]. A rule says by its metadata what a match means:
     virus = "NAME"   the message is infected with NAME
     score = N        N points of spam (a whole number, or a text such as "2.5"); the test is called like the rule,
                      or as `test = "NAME"` says
   A rule with neither counts as a virus called like the rule; see the setting scanners.yara.unmarked.

   A message is scanned as it came, so the test strings are also looked for inside base64. There a line end may cut
   them in two places, hence three pieces of each, none of which ordinary text contains. */

rule Eicar_Test_Signature
{
    meta:
        virus = "Eicar-Test-Signature"
        description = "the EICAR antivirus test file (eicar.org)"
    strings:
        $plain = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
        $first = "X5O!P%@AP[4\\PZX54(P^)7C" base64
        $second = "C)7}$EICAR-STANDARD-ANT" base64
        $third = "IVIRUS-TEST-FILE!$H+H*" base64
    condition:
        any of them
}

rule GTUBE
{
    meta:
        score = 1000
        description = "Generic Test for Unsolicited Bulk Email (spamassassin.apache.org/gtube)"
    strings:
        $plain = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
        $first = "XJS*C4JDBQADN1.NSBN3*2" base64
        $second = "IDNEN*GTUBE-STANDARD-AN" base64
        $third = "TI-UBE-TEST-EMAIL*C.34X" base64
    condition:
        any of them
}
