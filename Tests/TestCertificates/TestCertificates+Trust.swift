// Made by generate.sh. Throw-away keys for tests: they protect nothing.

/// For names of their own, for clients, and what is not to be trusted.
extension TestCertificates {
    /// SHA-256 of the public key of ``ecdsaChain``, in hexadecimal.
    public static let ecdsaPin = "4da3e8e35126cd371f9e07a2cc98162a6bc3c36458569ec6a3a92af480348570"

    /// P-256, for mail.example.org, by ``root``.
    public static let namedCertificate = """
        -----BEGIN CERTIFICATE-----
        MIIBsDCCAVagAwIBAgIUeFZSCyBfZZjy5gk1Z7PGoClo8uQwCgYIKoZIzj0EAwIw
        HTEbMBkGA1UEAwwSTWFpbHJhY2UgVGVzdCBSb290MCAXDTIwMDEwMTAwMDAwMFoY
        DzIxMjAwMTAxMDAwMDAwWjAbMRkwFwYDVQQDDBBtYWlsLmV4YW1wbGUub3JnMFkw
        EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEasDpGxf1E6SUGjD40nfhNevgQdJdhi4i
        4r84B2+8xUaDyMHA0pDpNJlhbIF5IL5zknF2YpgrFRpgDXAVvZ/+Y6N0MHIwEwYD
        VR0lBAwwCgYIKwYBBQUHAwEwGwYDVR0RBBQwEoIQbWFpbC5leGFtcGxlLm9yZzAd
        BgNVHQ4EFgQU5l4tmBqNEWAz+0lGHB/ZPXIW8oMwHwYDVR0jBBgwFoAUuTZwPF2A
        aWRlUo2xoVLQs2dQWtEwCgYIKoZIzj0EAwIDSAAwRQIhAJDz2LFYeareeCj8XykH
        uXfh49WY3CignZMQYdIwiId/AiAF2OMJhVQSDrAxmVcnY6zsNx8yNvs6WXVaO1GO
        A0hkQg==
        -----END CERTIFICATE-----
        """

    /// The key of ``namedCertificate``.
    public static let namedKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg/jf/MVGX5m9HP5Z9
        RR5zSdt+9VRZDmSyBrcZzrdA4smhRANCAARqwOkbF/UTpJQaMPjSd+E16+BB0l2G
        LiLivzgHb7zFRoPIwcDSkOk0mWFsgXkgvnOScXZimCsVGmANcBW9n/5j
        -----END PRIVATE KEY-----
        """

    /// RSA, 2048 bits, for *.example.net, by ``root``.
    public static let wildcardCertificate = """
        -----BEGIN CERTIFICATE-----
        MIICdjCCAhugAwIBAgIUVO2koWghNo06JK+4y7CPvhnQ07UwCgYIKoZIzj0EAwIw
        HTEbMBkGA1UEAwwSTWFpbHJhY2UgVGVzdCBSb290MCAXDTIwMDEwMTAwMDAwMFoY
        DzIxMjAwMTAxMDAwMDAwWjAYMRYwFAYDVQQDDA0qLmV4YW1wbGUubmV0MIIBIjAN
        BgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAo7mApQ34p5svczRebRhtDkb6oKr2
        9/wll45vvibaNZTB/j1XHvbNioUM7GQDUEN3dppW3rDVebZs35v7GR6Wpu0P59pM
        ZWPGyWQrs1/JK47GCpmpkSNUHF1+QC0dqAn5+i1jtgxmBR+AQ5++3662lqrFbH+4
        sIFsBkdqeSE0kzwq2cOp7sLua2AKOvLwKmVC5lZNBsCBx3aeudm6LWrcPdAVpQrH
        se0xLRSFfvyBVoYMaCXwNcEC43+tssX1MU16iPenO+Y4kv0vnwpWORYTC6wWUrPS
        V9d9HxPw3r/rNVgb6aqs1iZoZErGslPcz2ovDbXQ1EkIIrZU+VVabqux7QIDAQAB
        o3EwbzATBgNVHSUEDDAKBggrBgEFBQcDATAYBgNVHREEETAPgg0qLmV4YW1wbGUu
        bmV0MB0GA1UdDgQWBBRY97F3jFOZGb9zksa4lcVLFz3GezAfBgNVHSMEGDAWgBS5
        NnA8XYBpZGVSjbGhUtCzZ1Ba0TAKBggqhkjOPQQDAgNJADBGAiEAtRSBDFhi5oBT
        nu+mvxR6i21SAwNXSwWXp1Ez9RchInACIQCUY7zkfMwRSIHuTsYnnPMAYAhJ/Uu3
        te/T3HZju1BQyw==
        -----END CERTIFICATE-----
        """

    /// The key of ``wildcardCertificate``.
    public static let wildcardKey = """
        -----BEGIN PRIVATE KEY-----
        MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCjuYClDfinmy9z
        NF5tGG0ORvqgqvb3/CWXjm++Jto1lMH+PVce9s2KhQzsZANQQ3d2mlbesNV5tmzf
        m/sZHpam7Q/n2kxlY8bJZCuzX8krjsYKmamRI1QcXX5ALR2oCfn6LWO2DGYFH4BD
        n77frraWqsVsf7iwgWwGR2p5ITSTPCrZw6nuwu5rYAo68vAqZULmVk0GwIHHdp65
        2botatw90BWlCsex7TEtFIV+/IFWhgxoJfA1wQLjf62yxfUxTXqI96c75jiS/S+f
        ClY5FhMLrBZSs9JX130fE/Dev+s1WBvpqqzWJmhkSsayU9zPai8NtdDUSQgitlT5
        VVpuq7HtAgMBAAECggEAAsINOLqThb9HfVlUfeH7dFIdxrcakfLdb0AnAb0F0AFB
        g1blMNBXhg3XueO1apS4XncbH4U7E2HPU7T89d9eClHUAsPapZqYrqvRUKQ8b09o
        ZqVQBfHiaNfqWIpqBXqli2FYXKi4zz1Im9sFDB+VU9RsnvdH1TFY8IIjeQbmK9TA
        vfKAhvVV8GTdQIxnL3alQ1+AYXz0zd2hKQ9jqhGkp8d40rg/k2tM+7wF8oJ4w5e5
        eQzlmim6n6wSUitb6/229FVz9G+xAMd1J8cFFI3tMfuhX0dGQhapQYjNg6flPXmB
        0ja6AIsMmV4TJ+Rk903MjfyEsszeDykaVYUaqrMwwQKBgQDQoi5qHAoL2NRJ+1Ol
        ltK4Hii0Lqg1OlvPuYx1RDghxRxx81pas69EYM2LFYJzmhApHi9lGQkfvGi+0vRB
        VUxikaFs+4tyU5xsjdNgNGIhidTksCYUfFEr5TrG5OOq86a4euHIQoGbnplnR82o
        TRiORG9GOKF3tlFpQ9gKGwrrwwKBgQDI5TUjqI0VL5O3krd4DoKbAm+CWpFGVONh
        2xKqmg3sOob6X9FI5XV73L1QFea+arlZ1Xi1/zE2TllA58cDxzgQEiQS21XNjwoN
        cpC7rqweDMeTR4FTzWYBaZpP5g4hVIi9d+7fLkxrSMhwlUuSQprvrTNePomvBo89
        psd5LwYAjwKBgQClw+ZK6qJUzV/GtEi+rXoZTeUbXGLLf+XIwu1FkwFiW4GBTFBC
        9rdQBfXqBxoSDZu/f7s6gUzNiV5UF7p4WnSJcJooxCgEm0gSvBDxRE2fxip/1TE8
        X5YC4Wv08ZGul06lDwVrnuPpqHbMJ7HQggj7qIYc7gvk2NgQYhY52UixDwKBgCTC
        jC6yMN6njggROLEnNo7Wq0DXAa406kaFp6y/87w+GWTHE6ybEBxSD/IPj+FX9gKS
        JTxoLcEaJQrTXn86fO+z4hXxPIoYmmZLiGBPXf9Bp2Mzul5zPy8S+8GS/xLqPPsu
        bu83sZQQBV1UdDeXKHKi5rtgBiGYua02T1nFWPvRAoGAI5ff89ycDNs4MINmOaks
        Pu4DGeox5Ekn+tfC7xXVm1/mbCv+PrherjqWt7wy7dFKNCtC8mdiNLh5kZANt8Gb
        NGrTlKW0OVqQd8HPddAjqwZoWPuOH8duy4VW7S57YTg6WCCPiftcnGwaKwoEfcha
        GTXgtV43dQ/CXDEs40c7Oro=
        -----END PRIVATE KEY-----
        """

    /// P-256, for the same names as ``ecdsaCertificate``, by itself.
    public static let selfCertificate = """
        -----BEGIN CERTIFICATE-----
        MIIB2DCCAX+gAwIBAgIUSQiSDe0lLDLlu5YucUEY9IYc720wCgYIKoZIzj0EAwIw
        GTEXMBUGA1UEAwwObXguZXhhbXBsZS5jb20wIBcNMjAwMTAxMDAwMDAwWhgPMjEy
        MDAxMDEwMDAwMDBaMBkxFzAVBgNVBAMMDm14LmV4YW1wbGUuY29tMFkwEwYHKoZI
        zj0CAQYIKoZIzj0DAQcDQgAELscsAyRKJCG6nqcZrM6YXRV59xIO7+7YKCazq2Gz
        icO16tSItc/2SScZbeJMzfkpehiw4o+CXBHZHj/dlWBhnqOBojCBnzAMBgNVHRMB
        Af8EAjAAMA4GA1UdDwEB/wQEAwIHgDATBgNVHSUEDDAKBggrBgEFBQcDATAdBgNV
        HQ4EFgQUOCciUKCNCFC7ezSZpXXQPw/ZnYcwSwYDVR0RBEQwQoIObXguZXhhbXBs
        ZS5jb22CDSouZXhhbXBsZS5uZXSCCWxvY2FsaG9zdIcEfwAAAYcQAAAAAAAAAAAA
        AAAAAAAAATAKBggqhkjOPQQDAgNHADBEAiAWxOmc8du1Jvxja15FzWz0NjOBJap6
        Q50gdJIGPuC68wIgMC3NeKz526pP+gNGy4H0EryM94umtbka043bBM8ncf4=
        -----END CERTIFICATE-----
        """

    /// The key of ``selfCertificate``.
    public static let selfKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjNzjr9xCBNBLRlLE
        nkPiSV4/KeNH38tMkvEq5/QBp+yhRANCAAQuxywDJEokIbqepxmszphdFXn3Eg7v
        7tgoJrOrYbOJw7Xq1Ii1z/ZJJxlt4kzN+Sl6GLDij4JcEdkeP92VYGGe
        -----END PRIVATE KEY-----
        """

    /// P-256, for the client client.example.com, by ``root``.
    public static let clientCertificate = """
        -----BEGIN CERTIFICATE-----
        MIIBlTCCATugAwIBAgIUKDpFopqG3sKPRUY+QZ326lIGzGEwCgYIKoZIzj0EAwIw
        HTEbMBkGA1UEAwwSTWFpbHJhY2UgVGVzdCBSb290MCAXDTIwMDEwMTAwMDAwMFoY
        DzIxMjAwMTAxMDAwMDAwWjAdMRswGQYDVQQDDBJjbGllbnQuZXhhbXBsZS5jb20w
        WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQutvN/IxYgZU8Hr9lWll3bnCm28AjB
        rNTgvCE0eaMLy/qtTUEk/0ghwM6M+bp/fw8JY/VPFd6A/HDR/WKmQ4X/o1cwVTAT
        BgNVHSUEDDAKBggrBgEFBQcDAjAdBgNVHQ4EFgQUNBwQiwbkOo6zXHngN5qfQIc0
        sOwwHwYDVR0jBBgwFoAUuTZwPF2AaWRlUo2xoVLQs2dQWtEwCgYIKoZIzj0EAwID
        SAAwRQIhAKbV+FDSSzeVD7qcMlI06LaNrsqX9CGFO3gLQx9PWV+DAiBWdL2vcor4
        2g35syv3TfPLaJRMlf/Dhe4kKCsxz1NCrA==
        -----END CERTIFICATE-----
        """

    /// The key of ``clientCertificate``.
    public static let clientKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgxZ4Kp/q7+oakkRbw
        poI9reN0Uk/97O6mA4dVISQsLf2hRANCAAQutvN/IxYgZU8Hr9lWll3bnCm28AjB
        rNTgvCE0eaMLy/qtTUEk/0ghwM6M+bp/fw8JY/VPFd6A/HDR/WKmQ4X/
        -----END PRIVATE KEY-----
        """

    /// P-256, for the client expired.example.com, by ``root``, until 2021.
    public static let expiredClientCertificate = """
        -----BEGIN CERTIFICATE-----
        MIIBlDCCATqgAwIBAgIUPUBAMHLktJFFHK2iuwUMIQWO2SYwCgYIKoZIzj0EAwIw
        HTEbMBkGA1UEAwwSTWFpbHJhY2UgVGVzdCBSb290MB4XDTIwMDEwMTAwMDAwMFoX
        DTIxMDEwMTAwMDAwMFowHjEcMBoGA1UEAwwTZXhwaXJlZC5leGFtcGxlLmNvbTBZ
        MBMGByqGSM49AgEGCCqGSM49AwEHA0IABMFknTMnaxIsDPbmgaT9277EfSMtU0ph
        tAh6YPlCLFvAQe+VMBAzMKsBErh3yJX/1KGrnyIY6f7NAW96K+EyDrGjVzBVMBMG
        A1UdJQQMMAoGCCsGAQUFBwMCMB0GA1UdDgQWBBRMggj63NxFRkXAsRJUfm5BphvK
        JDAfBgNVHSMEGDAWgBS5NnA8XYBpZGVSjbGhUtCzZ1Ba0TAKBggqhkjOPQQDAgNI
        ADBFAiBvFOO+zOk77B2NafivOwfCfFI4pxKa2ipukC2DXbpE0QIhAP03b4ULyDUU
        VNk9R0D0ZCVkNzmpee2Iu9CDplmvch1S
        -----END CERTIFICATE-----
        """

    /// The key of ``expiredClientCertificate``.
    public static let expiredClientKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgEXhlvc0SLHIYd6um
        EoG89QprVxy6DgEH+XAkRcGeUYqhRANCAATBZJ0zJ2sSLAz25oGk/du+xH0jLVNK
        YbQIemD5QixbwEHvlTAQMzCrARK4d8iV/9Shq58iGOn+zQFveivhMg6x
        -----END PRIVATE KEY-----
        """

    /// Vouches for ``otherClientCertificate``.
    public static let otherRoot = """
        -----BEGIN CERTIFICATE-----
        MIIBfzCCASSgAwIBAgIUUyGGj5mGhkVjcSiaUEZOeWdoes8wCgYIKoZIzj0EAwIw
        HDEaMBgGA1UEAwwRQW5vdGhlciBUZXN0IFJvb3QwIBcNMjAwMTAxMDAwMDAwWhgP
        MjEyMDAxMDEwMDAwMDBaMBwxGjAYBgNVBAMMEUFub3RoZXIgVGVzdCBSb290MFkw
        EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEvAvkDRopGIJhUVds2y0cgg5pF2O8ftul
        vOjkC8bKTKg/7ntKvwQ1Jp6FXq/sp66H3fO0BpdhC11wi7a6Ny2wsKNCMEAwDwYD
        VR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAQYwHQYDVR0OBBYEFCdIsIrH57/z
        IzfgFBDAIXM418KkMAoGCCqGSM49BAMCA0kAMEYCIQDFPC6qwtaDni6WRbDb7fwY
        sneQ1pPxqKYOp8zIVlLlQwIhAOt975Psd6cPSiqQBrSJbUlvq8f+lprHzO3/jBRk
        C2vo
        -----END CERTIFICATE-----
        """

    /// P-256, for the client other.example.com, by ``otherRoot``.
    public static let otherClientCertificate = """
        -----BEGIN CERTIFICATE-----
        MIIBkzCCATmgAwIBAgIUBEKMEhgBvMT/JVsG3YQLsvx0ljcwCgYIKoZIzj0EAwIw
        HDEaMBgGA1UEAwwRQW5vdGhlciBUZXN0IFJvb3QwIBcNMjAwMTAxMDAwMDAwWhgP
        MjEyMDAxMDEwMDAwMDBaMBwxGjAYBgNVBAMMEW90aGVyLmV4YW1wbGUuY29tMFkw
        EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEsc5ijVYDAFdduADOcb5h+ljmlo1Dvvqk
        JG92JxWYMO+y0ksev+p/0jCA+GKOvPB6+HfqPxvpSq83K8riZCa8+6NXMFUwEwYD
        VR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0OBBYEFPCCBYbLQ+McRC+SP5gZzLjHe2Sg
        MB8GA1UdIwQYMBaAFCdIsIrH57/zIzfgFBDAIXM418KkMAoGCCqGSM49BAMCA0gA
        MEUCIQC48SMIz8OEQrdqhaKtqJdD6j3cGhPcQOL5vgASNnCsuQIgZUyIEIfBgFzB
        QHwRtRzUJgVaKyNb+GJ/hZ/FbSivYWM=
        -----END CERTIFICATE-----
        """

    /// The key of ``otherClientCertificate``.
    public static let otherClientKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgGYsYq0T6kJOR23rb
        5iKLAMfxD/d0mNqSsKk37cKJYMShRANCAASxzmKNVgMAV124AM5xvmH6WOaWjUO+
        +qQkb3YnFZgw77LSSx6/6n/SMID4Yo688Hr4d+o/G+lKrzcryuJkJrz7
        -----END PRIVATE KEY-----
        """
}
